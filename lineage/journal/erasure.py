"""Erasing parts of facts: first a fact that says so, durably, then the key is destroyed.

A crash between the two leaves a promise and a key that still opens the part; ``finish_erasures``
keeps the promise, and whoever opens a journal for writing calls it. The other order could leave a
part that is gone without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from lineage.facts import Draft, Receipt
from lineage.journal.parts import PartName
from lineage.journal.port import StoredFact

__all__ = ["ERASED", "STREAM", "ErasableJournal", "Part", "PartErased", "erase_parts",
           "finish_erasures"]  # fmt: skip

ERASED: Final = "part.erased/1"
STREAM: Final = "erasure"
"""The dense governance stream of all erasures: an auditor can prove that these are all."""

GROUP: Final = 200
"""Erasures that stand in the journal before their keys are destroyed."""

Part = tuple[str, PartName]
"""Id of a fact, and which part of it."""


class PartErased(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=ERASED):
    """A part of a fact is erased: its key is destroyed.

    Attributes:
        fact: Id of the fact.
        part: ``distilled`` takes what the fact says out of the state; ``raw`` changes no state.
        reason: A code, never free text.
    """

    fact: str
    part: PartName
    reason: str


class ErasableJournal(Protocol):
    """What erasing needs of a journal that is opened for writing."""

    def append(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Append several facts as one transaction, and wait."""
        ...

    def erase_all(self, parts: Sequence[Part]) -> int:
        """Destroy keys, for good and synced; returns how many there still were."""
        ...

    def members(self, stream: str) -> list[int]:
        """Positions of a governance stream in its order."""
        ...

    def at(self, position: int) -> StoredFact:
        """The fact at a position with all its parts."""
        ...


def erase_parts(
    journal: ErasableJournal,
    actor: str,
    parts: Sequence[Part],
    *,
    reason: str,
    progress: Callable[[int], None] | None = None,
) -> Receipt | None:
    """Erase parts, group by group; done again after a crash, it ends the same.

    Args:
        journal: Opened for writing.
        actor: Opaque id of who erases.
        parts: What to erase.
        reason: A code.
        progress: Told how many are erased.

    Returns:
        The receipt of the last fact; None where there was nothing to erase.

    Raises:
        NotFound: There is no such fact, or it never had this part.
        Unavailable: The journal cannot be written, or a reader keeps old pages alive.
    """
    receipt: Receipt | None = None
    for start in range(0, len(parts), GROUP):
        group = parts[start : start + GROUP]
        drafts = [
            Draft(ERASED, actor, _encode(fact, part, reason), stream=STREAM) for fact, part in group
        ]
        receipt = journal.append(drafts)[-1]
        journal.erase_all(group)
        if progress is not None:
            progress(start + len(group))
    return receipt


def finish_erasures(journal: ErasableJournal, *, full: bool = False) -> int:
    """Destroy the keys that erasures name and that are still there.

    Groups are written one after the other, so that only the newest can be unfinished: looking ends
    where a whole group was finished before.

    Args:
        journal: Opened for writing.
        full: Look at all erasures, after keys were restored from a backup.

    Returns:
        How many keys were still there.

    Raises:
        Unavailable: The journal cannot be written, or a reader keeps old pages alive.
    """
    positions = journal.members(STREAM)
    destroyed = 0
    while positions:
        page = positions[-GROUP:]
        del positions[-GROUP:]
        bodies = [journal.at(position).distilled for position in page]
        said = [msgspec.json.decode(body, type=PartErased) for body in bodies if body is not None]
        found = journal.erase_all([(one.fact, one.part) for one in said])
        destroyed += found
        if not found and not full:
            break
    return destroyed


def _encode(fact: str, part: PartName, reason: str) -> bytes:
    erased = PartErased(fact=fact, part=part, reason=reason)
    return msgspec.json.encode(erased, order="deterministic")
