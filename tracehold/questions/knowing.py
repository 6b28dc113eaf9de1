"""What a question rests on: the state as it is or as it was known, and how long it may work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final

from lineage.errors import InvalidInput
from lineage.graph.port import Direction, Limits
from lineage.graph.router import Engine
from lineage.state.port import StateReader
from tracehold.bootstrap import Services
from tracehold.questions.question import moment

__all__ = ["HUNG_UP", "Ground", "ground", "limits_of", "position_of"]

HUNG_UP: Final[ContextVar[Callable[[], bool] | None]] = ContextVar("hung_up", default=None)
"""Says whether whoever asked has gone; set around a question by whoever can tell."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where answers come from.

    Attributes:
        engine: The graph.
        state: The state.
        truncated: Limits met while the state of then was made again.
    """

    engine: Engine
    state: StateReader
    truncated: tuple[str, ...] = ()


def limits_of(services: Services, depth: int | None = None) -> Limits:
    """What one answer may cost; the work ends with the one who waits for it.

    Raises:
        InvalidInput: The depth is below 1.
    """
    if depth is not None and depth < 1:
        raise InvalidInput("a trace has a depth of at least 1", where="depth")
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


@contextmanager
def ground(
    services: Services,
    starts: Sequence[str],
    *,
    known_at: int | None,
    limits: Limits,
    directions: Sequence[Direction],
) -> Iterator[Ground]:
    """The state and the graph of now, or what was known of some keys and around them.

    Args:
        services: The workspace.
        starts: Keys that the question begins at.
        known_at: Number of facts to know; None for all.
        limits: What making the state of then may cost.
        directions: Where the question goes.

    Raises:
        InvalidInput: Nobody knew that much.
    """
    if known_at is None:
        yield Ground(services.router, services.state)
        return
    from lineage.state.known_at import known_at as remembered

    with remembered(
        services.journal,
        services.state,
        services.registry,
        services.identity,
        starts=starts,
        position=known_at,
        limits=limits,
        directions=directions,
    ) as then:
        yield Ground(then.graph, then.state, then.truncated)
