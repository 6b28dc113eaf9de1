"""References of nodes, and text that is safe to show."""

from __future__ import annotations

import unicodedata
from typing import Final

from lineage.graph.port import Node
from lineage.identity import Label
from lineage.refs import Ref, ref_of

__all__ = ["clean", "display_width", "reference", "reference_text", "wrap"]

UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that move the cursor, turn the text, or show nothing."""


def reference(node: Node) -> Ref | None:
    """The reference of a node; None for kinds without one, and where the name is gone."""
    return ref_of(node.label, node.props)


def reference_text(node: Node | None, key: str, label: Label = "Dataset") -> str:
    """The reference as text; ``dataset:?key`` where the name is not known."""
    text = None if node is None else node.ref
    return text if text is not None else f"{(node.label if node else label).lower()}:?{key}"


def clean(text: str) -> str:
    """The text with control, format and escape characters written out as code points."""
    return "".join(
        char if unicodedata.category(char) not in UNSAFE else ascii(char)[1:-1] for char in text
    )


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def display_width(text: str) -> int:
    """Terminal cells that a text takes: two for wide characters, none for combining ones."""
    return sum(map(_width, text))


def wrap(text: str, first: int, rest: int) -> list[str]:
    """The text in lines of at most ``first``, then ``rest`` cells; nothing is left out.

    Lines break at spaces; a word that is too long breaks behind a slash, a dot, or else anywhere.
    """
    lines: list[str] = []
    limit = first
    while display_width(text) > limit:
        used = end = 0
        for end, char in enumerate(text):  # noqa: B007 - the index is the result
            used += _width(char)
            if used > limit:
                break
        end = max(end, 1)
        soft = text.rfind(" ", 1, end + 1)
        if not text[: max(soft, 0)].strip(" "):
            soft = (text.rfind("/", 0, end) + 1) or (text.rfind(".", 0, end) + 1)
        soft = soft if soft > 0 else end
        lines.append(text[:soft].rstrip(" "))
        text, limit = text[soft:].lstrip(" "), rest
    return [*lines, text]
