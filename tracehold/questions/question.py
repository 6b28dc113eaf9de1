"""What a question is, and how moments are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lineage.clock import parse_millis
from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.acts.act import Body
from tracehold.services import Services

__all__ = ["A_JOB", "Body", "Question", "check_limit", "moment"]

A_JOB: Final = "write job:[NAMESPACE]NAME; see tracehold job list"
"""Advice where something else than a job was named."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that can be asked.

    Attributes:
        name: As in the route.
        summary: One line, for the API page and the reference.
        params: What it takes; all fields are read from text.
        answer: Answers, as JSON; changes nothing.
    """

    name: str
    summary: str
    params: type[Body]
    answer: Callable[[Services, Any], Json]


def check_limit(limit: int, most: int) -> None:
    """Refuse a page of no rows, or of more than ``most``.

    Raises:
        InvalidInput: The limit is out of bounds.
    """
    if not 1 <= limit <= most:
        raise InvalidInput(
            f"a page has 1 to {most:,} rows",
            where="limit",
            advice=f"give a limit of 1 to {most}; more comes page by page",
        )


def moment(services: Services, text: str) -> int:
    """The moment a question is about, epoch milliseconds; now where the text is empty.

    Raises:
        InvalidInput: The text is no ISO 8601 date or date-time.
    """
    if not text:
        return services.clock()
    try:
        return parse_millis(text)
    except (ValueError, OverflowError):
        raise InvalidInput(
            "this is no moment",
            where=text,
            advice="write a date or a time in ISO 8601: 2026-03-01, 2026-03-01T12:00:00Z",
        ) from None
