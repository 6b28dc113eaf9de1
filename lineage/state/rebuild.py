"""Folding the journal anew beside the state: a shadow that catches up, is compared and takes over.

One way for three causes: another fold version, an erasure, and the wish to compare. The old state
serves and advances meanwhile. A shadow becomes the state only where the state is still the one it
started beside; a crash leaves the old one and a file that the next start removes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lineage.errors import Unavailable
from lineage.identity import Identity
from lineage.journal.port import Journal
from lineage.state.advance import Folder
from lineage.state.generations import aside, current, following, make_current, remove
from lineage.state.registry import Registry
from lineage.state.store import DIVERGED, SqlState, Standing, is_foreign, open_state

__all__ = ["BATCH", "Rebuilt", "Refold", "not_folded", "rebuild"]

BATCH: Final = 1000
"""Facts per transaction; more gain little and take memory."""
_CACHE_KIB: Final = 64_000


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Outcome of a rebuild.

    Attributes:
        digest: Digest of the new state.
        position: Facts folded.
        former: Digest of the state that was there, empty where there was none.
        compared: Digest of the new state where the former one stood.
        comparable: Whether both were made by the same fold version from the same parts of the same
            facts, so that these two digests must be equal.
        divergence: What was wrong with the former state, in one line; empty where nothing was.
    """

    digest: str
    position: int
    former: str = ""
    compared: str = ""
    comparable: bool = False
    divergence: str = ""

    @property
    def equal(self) -> bool:
        """Whether the new state is what the former one should have been."""
        return not self.divergence


class Refold:
    """A shadow of a state; used from one thread.

    Attributes:
        file: The next generation, in the making.
        beside: The generation that is the state meanwhile.
    """

    def __init__(
        self,
        journal: Journal,
        path: Path,
        registry: Registry,
        identity: Identity,
        *,
        swap: bool = True,
    ) -> None:
        """Begin with the first fact.

        Args:
            journal: Source of the facts. Keys that erasures name must be destroyed by now.
            path: The state as it is named.
            registry: What the packages declare.
            identity: Derives the keys.
            swap: False where it is only to be compared, beside whoever writes the state.
        """
        self._path = path
        self._outcome = Rebuilt("", 0)
        self.beside = current(path)
        self.file = following(path) if swap else aside(path)
        self._state = SqlState(path, read_only=False, file=self.file)
        # What a crash leaves of it is never read, so nothing has to be on the disk before the end.
        db = self._state.writer()
        db.execute("pragma synchronous = off")
        db.execute(f"pragma cache_size = -{_CACHE_KIB}")
        self._folder = Folder(journal, self._state, registry, identity)

    @property
    def position(self) -> int:
        """Facts folded so far."""
        return self._folder.position

    def advance(self, limit: int = BATCH, *, upto: int | None = None) -> int:
        """Fold at most ``limit`` facts, none behind ``upto``; returns how many."""
        if upto is not None:
            limit = min(limit, max(upto - self.position, 0))
        return self._folder.advance(limit).folded

    def compare(self, former: Standing) -> Rebuilt:
        """Compare with the former state, once the shadow stands where it stands.

        The two may differ where another fold version made the former one, and where it holds, or
        was without, other parts: something was erased in between.
        """
        made = self._state.standing()
        comparable = (former.version, former.position, former.missing) == (
            made.version, made.position, made.missing,
        ) and not (former.erased_inside or made.erased_inside)  # fmt: skip
        divergence = ""
        if comparable and made.digest != former.digest:
            divergence = (
                f"at fact {made.position} the state had the digest {former.digest[:16]}, "
                f"its journal gives {made.digest[:16]}"
            )
        self._outcome = Rebuilt(
            made.digest, made.position, former.digest, made.digest, comparable, divergence
        )
        return self._outcome

    def finish(self) -> Rebuilt:
        """Become the state; nobody may write the former one meanwhile.

        Raises:
            Conflict: Another state took the place of the former one.
            Unavailable: The disk does not take it.
        """
        outcome = self._end()
        if outcome.divergence:
            self._state.writer().execute(
                "insert or replace into meta values (?, ?)", (DIVERGED, outcome.divergence)
            )
        # The last connection folds the log into the file and removes it.
        self._state.close()
        if self.file.with_name(self.file.name + "-wal").exists():
            raise Unavailable(
                "the new state could not be closed", where=self.file.name,
                advice="free disk space, then fold it anew: tracehold journal rebuild",
            )  # fmt: skip
        make_current(self._path, self.file, instead_of=self.beside)
        return outcome

    def discard(self) -> Rebuilt:
        """Remove the shadow, unless it is the state by now."""
        outcome = self._outcome
        try:
            if current(self._path) != self.file:
                remove(self.file)
        finally:
            self._state.close()
        return outcome

    def _end(self) -> Rebuilt:
        standing = self._state.standing()
        self._outcome = replace(self._outcome, digest=standing.digest, position=standing.position)
        return self._outcome


def not_folded(error: sqlite3.Error, path: Path) -> Unavailable:
    """What to say where the disk does not take a shadow."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return Unavailable(
        f"the state cannot be folded anew ({name})", where=path.name,
        advice="free disk space, or check the disk",
    )  # fmt: skip


def rebuild(
    journal: Journal,
    path: Path,
    registry: Registry,
    identity: Identity,
    *,
    swap: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Rebuilt:
    """Fold the whole journal anew beside ``path`` and put it in its place.

    With ``swap`` nobody else may write the state. Readers keep the file that they opened.

    Args:
        journal: Source of the facts.
        path: The state as it is named.
        registry: What the packages declare.
        identity: Derives the keys.
        swap: False only compares and leaves the state alone; a server may go on writing it.
        progress: Told the position after every batch.

    Raises:
        Unavailable: The disk does not take it.
    """
    tell = progress or (lambda _: None)
    refold = Refold(journal, path, registry, identity, swap=swap)
    try:
        if current(path).exists() and not is_foreign(path):
            former = open_state(path, read_only=True)
            try:
                _meet(refold, former, tell)
            finally:
                former.close()
        if not swap:
            return refold.discard()
        while refold.advance():
            tell(refold.position)
        outcome = refold.finish()
        remove(refold.beside)
    except sqlite3.Error as error:
        raise not_folded(error, path) from error
    else:
        return outcome
    finally:
        refold.discard()


def _meet(refold: Refold, former: SqlState, tell: Callable[[int], None]) -> None:
    """Bring the shadow to where the former state stands, which may move on, and compare."""
    while True:
        standing = former.standing()
        while refold.advance(upto=standing.position):
            tell(refold.position)
        behind = refold.position < standing.position  # the journal lost facts: not comparable
        if behind or refold.position == former.position():
            refold.compare(standing)
            return
