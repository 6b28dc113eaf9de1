"""The page a new engineer reads first names what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs" / "explanation" / "life-of-an-event.md").read_text("utf-8")
NAMED = re.findall(r"`([\w/]+\.py)`(?: `([\w.]+)`)?", PAGE)


def names(path: Path) -> set[str]:
    """What a module defines at its top and one level below."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        found |= _names_of(node, "")
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                found |= _names_of(inner, f"{node.name}.")
    return found


def _names_of(node: ast.stmt, lead: str) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {lead + node.name}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {lead + node.target.id}
    return set()


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_file_and_name_exists(path: str, name: str) -> None:
    assert (CHECKOUT / path).is_file()
    assert not name or name in names(CHECKOUT / path)


def test_it_names_something_of_every_step() -> None:
    assert len(NAMED) > 30
    numbers = set(re.findall(r"^\| (\d) ", PAGE, re.MULTILINE))
    assert numbers == set(re.findall(r'"\W*(\d) ', PAGE)) == set("123456789")


def test_the_picture_is_text_that_github_draws() -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    boxes = set(re.findall(r"^\s*(\w+)[\[(]|(?:-->|\"\|) ?(\w+)[\[(]", picture, re.MULTILINE))
    defined = {one or other for one, other in boxes}
    used = set(re.findall(r"^\s+(\w+)(?:[\[( ]).*-->", picture, re.MULTILINE))
    assert used <= defined
    assert all(len(line) < 110 for line in picture.splitlines())


def test_nothing_else_is_named_in_passing() -> None:
    for name in ("finish_erasures",):
        assert name in names(CHECKOUT / "lineage/journal/erasure.py")
