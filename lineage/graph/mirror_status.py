"""What is known of the mirror, without asking it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MirrorStatus", "State"]

State = Literal["starting", "filling", "following", "behind", "unreachable", "refused"]
"""``following``: level, or within the lag that is allowed. ``refused``: waiting does not mend it: a
wrong password, or the graph of another workspace."""


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """What is known of the mirror; asking costs nothing and never waits.

    Attributes:
        state: What it does.
        reachable: Whether the last contact succeeded.
        position: Position of the target at the last contact, 0 while it is filled; None before the
            first.
        digest: The digest that the source had at that position; empty while it is filled.
        lag: Facts that the target was behind the source then; None before the first contact.
        seconds_behind: Seconds since it was level with the source, or since the start; 0 while it
            is.
        last_error: What went wrong at the last contact; empty where nothing did.
        fills: How often the target was filled by this mirror.
        done: Nodes and edges that the fill in progress has passed.
        total: Nodes and edges that it has to pass; 0 where none is in progress.
    """

    state: State = "starting"
    reachable: bool = False
    position: int | None = None
    digest: str = ""
    lag: int | None = None
    seconds_behind: float = 0.0
    last_error: str = ""
    fills: int = 0
    done: int = 0
    total: int = 0
