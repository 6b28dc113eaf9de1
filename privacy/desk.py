"""What the acts of privacy need from the outside, handed in as one value.

There is one writer per workspace, so a lock of the process orders a hold against a purge step: a
hold that is recorded before a step begins is seen by it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass

import msgspec

from lineage.clock import Clock
from lineage.facts import Receipt
from lineage.graph.port import GraphReader
from lineage.identity import Identity
from lineage.state.port import StateReader

__all__ = ["Desk", "Record", "RolesOf"]

Record = Callable[[str, str, msgspec.Struct, str | None], Receipt]
"""``record(actor, kind, body, stream)``: durable *and* folded into the state when it returns."""

RolesOf = Callable[[str], Collection[str]]
"""Opaque id of a person → the roles held now; empty for a stranger or a disabled account."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The state to read, the way to record, who people are, and what time it is.

    Attributes:
        state: The state; ``record`` brings it up to date.
        reader: The graph to walk. Deletion and holds always read the SQL graph, never a mirror,
            and a SQL reader belongs to one thread: make a desk per thread, with the one lock.
        identity: Keys and tokens of this workspace.
        clock: Epoch milliseconds.
        record: Appends a fact.
        roles_of: Roles of a person.
        lock: Held while a step is decided and carried out, and while a hold is placed. One per
            workspace and re-entrant (``threading.RLock``); never one per request.
    """

    state: StateReader
    reader: GraphReader
    identity: Identity
    clock: Clock
    record: Record
    roles_of: RolesOf
    lock: AbstractContextManager[object]
