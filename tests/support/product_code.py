"""What the product's own code calls and imports, for rules on what it must never do."""

from __future__ import annotations

import ast
from functools import cache

from services import CHECKOUT

__all__ = ["calls", "imports"]

PRODUCT = ("lineage", "catalog", "privacy", "tracehold", "orchestration")


@cache
def parsed() -> tuple[tuple[str, ast.Module], ...]:
    """Every module of the product: its path, and its code."""
    return tuple(
        (str(path.relative_to(CHECKOUT)), ast.parse(path.read_text("utf-8")))
        for package in PRODUCT
        for path in sorted((CHECKOUT / package).rglob("*.py"))
    )


@cache
def _calls() -> dict[str, list[tuple[str, ast.Call]]]:
    found: dict[str, list[tuple[str, ast.Call]]] = {}
    for path, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                last = getattr(called, "id", None) or getattr(called, "attr", "")
                found.setdefault(last, []).append((f"{path}:{node.lineno}", node))
    return found


def calls(name: str) -> list[tuple[str, ast.Call]]:
    """Where the product calls something, by its last name."""
    return _calls().get(name, [])


@cache
def imports() -> dict[str, set[str]]:
    """What is imported, first names only, and by which modules."""
    found: dict[str, set[str]] = {}
    for path, tree in parsed():
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                found.setdefault(name.partition(".")[0], set()).add(path)
    return found
