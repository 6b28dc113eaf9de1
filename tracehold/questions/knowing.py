"""What a question may cost, and how much it may know."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from lineage.errors import InvalidInput
from lineage.graph.port import Limits
from tracehold.questions.question import moment
from tracehold.services import Services

__all__ = ["HUNG_UP", "limits_of", "position_of"]

HUNG_UP: Final[ContextVar[Callable[[], bool] | None]] = ContextVar("hung_up", default=None)
"""Says whether whoever asked has gone; set around a question by whoever can tell."""


def limits_of(services: Services, depth: int | None = None) -> Limits:
    """What one answer may cost; the work ends with the one who waits for it.

    Raises:
        InvalidInput: The depth is below 1.
    """
    if depth is not None and depth < 1:
        raise InvalidInput(
            "a trace has a depth of at least 1",
            where="depth",
            advice="give 1 for the nearest, or leave it out for all that the limits allow",
        )
    return replace(services.settings.limits.walk(depth), stopped=HUNG_UP.get())


def position_of(services: Services, known_at: str) -> int | None:
    """The position that a text names: a number of facts, or a moment; None where it is empty.

    Raises:
        InvalidInput: The text is neither.
    """
    if not known_at:
        return None
    if known_at.isascii() and known_at.isdigit():
        return int(known_at)
    from lineage.state.known_at import position_at

    return position_at(services.journal, moment(services, known_at))
