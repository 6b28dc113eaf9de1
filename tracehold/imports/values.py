"""Reading JSON of others leniently: what has another type than it should counts as not there."""

from __future__ import annotations

from collections.abc import Mapping

from lineage.facts import Json

__all__ = ["listed", "members", "parts", "text", "texts"]


def text(value: Json) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def members(value: Json) -> Mapping[str, Json]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Json) -> list[Json]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def parts(value: Json) -> list[Mapping[str, Json]]:
    """The objects of a list."""
    return [one for one in listed(value) if isinstance(one, dict)]


def texts(value: Json) -> list[str]:
    """The texts of a list; a text alone stands for a list of one."""
    return [one for one in ([value] if isinstance(value, str) else listed(value))
            if isinstance(one, str) and one]  # fmt: skip
