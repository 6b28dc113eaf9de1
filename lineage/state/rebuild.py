"""Making the state again from the journal: a shadow file, compared, then swapped in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lineage.errors import Conflict
from lineage.identity import Identity
from lineage.journal.port import Journal
from lineage.state.advance import Folder
from lineage.state.registry import Registry
from lineage.state.store import open_state

__all__ = ["Rebuilt", "rebuild"]

_SUFFIXES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Outcome of a rebuild.

    Attributes:
        digest: Digest of the new state.
        former: Digest of the state that was there, empty where there was none.
        position: Facts folded.
        comparable: Whether both were made by the same fold version at the same position, so that
            the digests must be equal.
    """

    digest: str
    former: str
    position: int
    comparable: bool

    @property
    def equal(self) -> bool:
        """Whether the new state is what the former one should have been."""
        return not self.comparable or self.digest == self.former


def _remove(path: Path) -> None:
    for suffix in _SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _former(path: Path, registry: Registry, position: int) -> tuple[str, bool]:
    if not path.exists():
        return "", False
    state = open_state(path)
    try:
        same = state.fold_version() == registry.version and state.position() == position
        return state.digest(), same
    finally:
        state.close()


def rebuild(
    journal: Journal,
    path: Path,
    registry: Registry,
    identity: Identity,
    *,
    swap: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Rebuilt:
    """Fold the whole journal into a shadow file beside ``path`` and put it in its place.

    Nobody else may have the state open for writing. Readers keep the file they opened.

    Args:
        journal: Source of the facts.
        path: The state file.
        registry: What the packages declare.
        identity: Derives the keys.
        swap: False only compares and leaves ``path`` alone.
        progress: Told the position after every batch.

    Raises:
        Conflict: Someone holds the state file for writing.
    """
    shadow = path.with_name(path.name + ".rebuild")
    _remove(shadow)
    state = open_state(shadow)
    try:
        folder = Folder(journal, state, registry, identity)
        while folder.advance(5000).folded:
            if progress is not None:
                progress(state.position())
        digest, position = state.digest(), state.position()
        state.writer().execute("pragma wal_checkpoint(truncate)")
    finally:
        state.close()
    former, comparable = _former(path, registry, position)
    outcome = Rebuilt(digest, former, position, comparable)
    if not swap:
        _remove(shadow)
        return outcome
    _settle(path)
    for suffix in _SUFFIXES[1:]:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shadow.replace(path)
    _remove(shadow)
    return outcome


def _settle(path: Path) -> None:
    """Fold the old file's log into it, which fails while another writer holds it."""
    if not path.exists():
        return
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("begin exclusive")
        db.execute("rollback")
    except sqlite3.OperationalError as error:
        raise Conflict(
            "the state is in use", where=str(path), advice="stop the server, then rebuild"
        ) from error
    finally:
        db.close()
