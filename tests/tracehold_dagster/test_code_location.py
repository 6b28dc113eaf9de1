"""Where the code of a job lies."""

from __future__ import annotations

from typing import Any

import pytest

from tracehold_dagster.code_location import source_code
from tracehold_dagster.records import Asset, Meta

SHA = "0123456789abcdef0123456789abcdef01234567"


def _said(*references: dict[str, Any]) -> dict[str, Any]:
    metadata = {"dagster/code_references": Meta("code_references", list(references))}
    found = source_code([Asset(("bare",)), Asset(("a",), metadata=metadata)])
    facet = found.get("sourceCodeLocation", {})
    return {key: value for key, value in facet.items() if not key.startswith("_")}


def test_an_address_names_repository_path_and_commit() -> None:
    url = f"https://github.com/org/shop/blob/{SHA}/src/shop/assets.py#L12"
    assert _said({"file": "/x/assets.py", "line": 3}, {"url": url}) == {
        "type": "git",
        "url": url,
        "repoUrl": "https://github.com/org/shop",
        "path": "src/shop/assets.py",
        "version": SHA,
    }


def test_a_name_in_place_of_a_commit_is_a_branch() -> None:
    said = _said({"url": "https://gitlab.example.org/a/b/shop/-/blob/main/assets.py"})
    assert (said["repoUrl"], said["branch"]) == ("https://gitlab.example.org/a/b/shop", "main")
    assert "version" not in said


@pytest.mark.parametrize(
    ("file", "url"),
    [
        ("/srv/my shop/a.py", "file:///srv/my%20shop/a.py"),
        ("C:\\shop\\a.py", "file:///C%3A/shop/a.py"),
    ],
)
def test_a_file_is_named_where_there_is_no_address(file: str, url: str) -> None:
    assert _said({"file": file, "line": 3}) == {"type": "file", "url": url}


def test_without_references_nothing_is_said() -> None:
    assert _said() == {}
