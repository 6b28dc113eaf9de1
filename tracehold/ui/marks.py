"""What a cell of a page can be: plain text, a link, or a mark with a tone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypedDict
from urllib.parse import quote

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.identity import Label

__all__ = [
    "PAGES",
    "Cell",
    "Link",
    "Mark",
    "Section",
    "Tone",
    "link",
    "mark",
    "moment",
    "pii_marks",
    "section",
    "short",
    "took",
]

Tone = Literal["good", "warn", "bad", ""]


class Link(TypedDict):
    """Text that leads somewhere."""

    text: str
    href: str


class Mark(TypedDict):
    """A word that stands out; the tone is never the only carrier of meaning."""

    text: str
    tone: Tone


Cell = None | str | int | Link | Mark | list["Cell"]


class Section(TypedDict):
    """A table with a heading."""

    heading: str
    columns: list[str]
    rows: list[list[Cell]]


PAGES: Final[Mapping[Label, str]] = {
    "Dataset": "/datasets",
    "Column": "/columns",
    "Model": "/models",
    "Job": "/jobs",
    "Run": "/runs",
}
"""Labels that have a page of their own. Pages go by key: a name could be personal."""


def link(label: Label, key: str, text: str) -> Cell:
    """A link to the page of an entity, or its bare text where it has none."""
    folder = PAGES.get(label)
    return {"text": text, "href": f"{folder}/{quote(key)}"} if folder else text


def mark(text: str, tone: Tone = "") -> Mark:
    """A mark."""
    return {"text": text, "tone": tone}


def moment(millis: int | None) -> str:
    """A moment to the second, or nothing."""
    return "" if millis is None else f"{format_millis(millis)[:19].replace('T', ' ')} UTC"


def took(started: int | None, ended: int | None) -> str:
    """How long something took, in seconds or minutes; empty where it has not ended."""
    if started is None or ended is None or ended < started:
        return ""
    seconds = (ended - started) / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def short(value: Json) -> str:
    """The short form of what is recorded."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return str(value.get("short") or value.get("class") or ", ".join(map(str, value)))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def pii_marks(found: Json) -> Cell:
    """Entity types as marks; ``none found`` after a clean scan, nothing where nobody looked."""
    if found is None:
        return None
    if not found:
        return mark("none found", "good")
    return [mark(str(entity), "warn") for entity in sorted(found)]


def section(heading: str, columns: list[str], rows: list[list[Cell]]) -> Section:
    """A table with a heading."""
    return {"heading": heading, "columns": columns, "rows": rows}
