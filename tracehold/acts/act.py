"""What an act is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from catalog.people import Person
from lineage.clock import parse_millis
from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.services import Services

__all__ = ["Act", "Body", "read_fields", "read_moment"]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an act or a question is given.

    A field that it does not know is an error: nobody sets what only the server may set.
    """


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a person can do.

    Attributes:
        name: As in the route and in the access table.
        summary: One line, for the API page and the reference.
        body: What it takes.
        perform: Does it, as that person; returns what to answer, as JSON.
    """

    name: str
    summary: str
    body: type[Body]
    perform: Callable[[Services, Person, Any], Json]


def _accepted(form: type[Body], where: str) -> str:
    """What the field that is wrong would take; without one, which fields there are."""
    name = where.removeprefix("$.").partition("[")[0]
    for field in msgspec.structs.fields(form):
        choices = re.findall(r"Literal\[([^\]]*)\]", str(field.type))
        if field.encode_name == name and choices:
            return f"{name}: one of {choices[0].replace(chr(39), '')}"
    return f"fields: {', '.join(form.__struct_fields__) or 'none'}"


def read_fields(given: bytes | Mapping[str, Json], form: type[Body], *, loose: bool = False) -> Any:
    """The fields of an act or a question.

    Args:
        given: JSON bytes, or a mapping that is decoded already.
        form: The struct wanted.
        loose: Read numbers and booleans from text, as a query string has them.

    Raises:
        InvalidInput: Not JSON, a field missing, unknown or of the wrong type; names which.
    """
    try:
        if isinstance(given, bytes):
            return msgspec.json.decode(given or b"{}", type=form)
        return msgspec.convert(given, form, strict=not loose)
    except msgspec.ValidationError as error:
        text, _, where = str(error).rpartition(" - at ")
        raise InvalidInput(
            f"a field is wrong: {text or where}",
            where=where.strip("`") if text else "query" if loose else "body",
            advice=_accepted(form, where.strip("`")),
        ) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InvalidInput(
            "the body is not JSON", where="body", advice="send one JSON object"
        ) from None


def read_moment(text: str, where: str) -> int:
    """The moment that a field names, epoch milliseconds.

    Raises:
        InvalidInput: It is no ISO 8601 date or date-time.
    """
    try:
        return parse_millis(text)
    except (ValueError, OverflowError):
        raise InvalidInput(
            "this is no moment", where=where, advice="write it as 2026-03-01"
        ) from None
