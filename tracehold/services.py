"""The parts of one workspace, wired: what acts, questions and pages are given."""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

import msgspec

from catalog.people import Person, person_by_id
from lineage.clock import Clock
from lineage.errors import NotFound, Unavailable
from lineage.facts import Draft, Receipt
from lineage.graph.router import GraphRouter
from lineage.graph.sql import SqlGraph
from lineage.identity import Identity
from lineage.journal.keys import WorkspaceKeys
from lineage.journal.sqlite import SqliteJournal
from lineage.openlineage.scrub import Scrubber
from lineage.refs import Ref
from lineage.state.registry import Registry
from lineage.state.store import SqlState
from lineage.trace.coverage import KeptCoverage
from lineage.trace.resolve import resolve
from privacy.desk import Desk
from tracehold.access import Looker
from tracehold.access_log import AccessLog
from tracehold.advancing import Advancer
from tracehold.authentication import Authenticator
from tracehold.faults import OF_THE_DISK
from tracehold.lock import WorkspaceLock
from tracehold.logins import Logins
from tracehold.refolding import Refolder
from tracehold.registry import STATE
from tracehold.search_index import SearchIndex
from tracehold.seeing import EVERYTHING, Seeing
from tracehold.seen_state import SeenState
from tracehold.settings import Settings
from tracehold.sights import Sights

if TYPE_CHECKING:
    from catalog.manifests import Policy
    from lineage.graph.mirror import Mirror
    from lineage.graph.neo4j import Neo4jGraph

__all__ = ["Following", "Services", "unusable"]

_FAR_BEHIND: Final = 1000
"""Facts that the fold may be behind before others leave it the processor."""


@dataclass
class Services:
    """The parts of one workspace, wired. Safe to share between threads.

    Attributes:
        settings: As read at the start.
        clock: Epoch milliseconds; what facts and receipts are stamped with.
        identity: Keys and tokens of the workspace.
        keys: Its secret and its signer.
        registry: What the packages declare.
        journal: Opened for writing or for reading.
        state: The SQL state; every thread gets a connection of its own.
        router: The graph to walk: Neo4j where it is level, SQL otherwise.
        mirror: Fills Neo4j; None without one or where nothing is written.
        neo4j: The Neo4j engine itself; None without one.
        scrubber: Masks events on the way in.
        logins: One-time codes and sessions.
        people: Tokens and sessions to people.
        advancer: Brings the state up to the journal; None where only reading.
        refolder: Folds the state anew beside itself; None where only reading.
        lock: Held while writing.
        access_log: Records who was told where personal data is; None where only reading.
        serving: Whether a server runs on these services.
        coverage: Coverage of the estate, for traces.
        seeing: What whoever asks may see; everything, unless ``seen_by`` narrowed it.
        whole: The services before they were narrowed; for what must be judged by everything.
        sights: Who sees what.
        desk: What acts of privacy need.
        search: The index for full-text search.
    """

    settings: Settings
    clock: Clock
    identity: Identity
    keys: WorkspaceKeys
    registry: Registry
    journal: SqliteJournal
    state: SqlState
    router: GraphRouter
    scrubber: Scrubber
    logins: Logins
    people: Authenticator
    advancer: Advancer | None = None
    refolder: Refolder | None = None
    mirror: Mirror | None = None
    neo4j: Neo4jGraph | None = None
    lock: WorkspaceLock | None = None
    access_log: AccessLog | None = None
    serving: bool = False
    coverage: KeptCoverage = field(default_factory=KeptCoverage)
    seeing: Seeing = EVERYTHING
    whole: Services = field(init=False, repr=False)
    desk: Desk = field(init=False)
    search: SearchIndex = field(init=False)
    sights: Sights = field(init=False)
    _policy: tuple[object, Policy] | None = field(default=None, init=False)
    _policy_lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        """Wire the desk, which records through these very services."""
        self.whole = self
        self.sights = Sights(self.settings.access)
        if self.refolder is not None:
            self.refolder.swapped = self._swapped
        self.search = SearchIndex(self.state, self.settings.storage.data)
        if self.lock is not None:
            self.search.sweep()
        self.desk = Desk(
            state=self.state,
            reader=self.sql_graph(),
            identity=self.identity,
            clock=self.clock,
            record=self.record,
            roles_of=self.roles_of,
            lock=threading.RLock(),
        )

    def seen_by(self, person: Looker) -> Services:
        """The same workspace as far as a person may see it; see ``tracehold.seeing``.

        ``state`` then shows only that, and ``coverage`` counts only that.
        """
        whole = self.whole
        seeing = self.sights.of(person, whole.state, self.identity, self.clock())
        if not seeing.limited:
            return whole
        seen = copy.copy(whole)
        seen.seeing, seen.state = seeing, SeenState(whole.state, seeing)
        seen.coverage = self.sights.coverage(seeing.sight)
        return seen

    def sql_graph(self) -> SqlGraph:
        """The SQL graph as one object for all threads: each call uses its thread's connection."""
        return cast("SqlGraph", Following(lambda: self.state.graph))

    def judgement_now(self) -> int:
        """The moment that retention judgements take as *now*, epoch milliseconds."""
        fixed = self.settings.clock.judgement_now
        return self.clock() if fixed is None else fixed

    def policy(self) -> Policy:
        """The manifests, read again when a file has changed."""
        from catalog.manifests import load

        if self.whole is not self:
            return self.whole.policy()
        stamp = _stamp(self.settings.manifests)
        with self._policy_lock:
            if self._policy is None or self._policy[0] != stamp:
                self._policy = (stamp, load(self.settings.folder))
            return self._policy[1]

    def resolve(self, text: str) -> tuple[Ref, str]:
        """The reference that a text names and its key, of what may be seen.

        Raises:
            NotFound: Nothing known fits.
            InvalidInput: Several things fit.
        """
        return resolve(self.state, self.identity, text)

    def ref_text(self, text: str) -> str:
        """The full reference of what an act is about.

        Whoever names a thing in full may report on it without being allowed to look at it.

        Raises:
            NotFound: Nothing known fits.
            InvalidInput: Several things fit.
        """
        try:
            return str(self.resolve(text)[0])
        except NotFound:
            if "[" not in text and not text.startswith("model:"):
                raise
            return str(self.whole.resolve(text)[0])

    def roles_of(self, person_id: str) -> frozenset[str]:
        """The roles a person holds now; empty for a stranger or a disabled account."""
        person = self.person(person_id)
        return person.roles if person is not None and not person.disabled else frozenset()

    def person(self, person_id: str) -> Person | None:
        """The person of an opaque id."""
        return person_by_id(self.whole.state, self.identity, person_id)

    def record(
        self, actor: str, kind: str, body: msgspec.Struct, stream: str | None = None
    ) -> Receipt:
        """Append a native fact; it is durable and in the state when this returns.

        Raises:
            Unavailable: The journal cannot be written, or is opened for reading.
        """
        encoded = msgspec.json.encode(body, order="deterministic")
        [receipt] = self.journal.append([Draft(kind, actor, encoded, stream=stream)])
        if self.advancer is not None:
            self.advancer.until(receipt)
        return receipt

    def told(self, person: str, question: str, ref: str, user: str = "") -> None:
        """A person is about to be told where personal data is; see ``AccessLog.note``.

        Raises:
            Unavailable: It cannot be recorded now; then nothing may be told.
        """
        if self.access_log is not None:
            self.access_log.note(person, question, ref, user)
            if self.advancer is not None:
                self.advancer.wake()

    def catch_up(self) -> int:
        """Bring the state up to the journal where this process may; returns the position."""
        return self.state.position() if self.advancer is None else self.advancer.catch_up()

    def far_behind(self) -> bool:
        """Whether there is so much to fold that nothing else should be in its way."""
        return self.journal.head().size - self.state.position() > _FAR_BEHIND

    def _swapped(self) -> None:
        """Another state took over: forget what was remembered of the one before."""
        self.people.forget()
        self.search.sweep()
        self.coverage = KeptCoverage()
        self.sights = Sights(self.settings.access)

    def close(self) -> None:
        """Commit, sync, let go of the files, then of the lock."""
        # Whoever may write a file lets go of it last, and thereby folds its log into it.
        self.state.close()
        if self.advancer is not None:
            self.advancer.close()
        self.journal.close()
        for engine in (self.neo4j, self.mirror):
            if engine is not None:
                engine.close()
        if self.lock is not None:
            self.lock.release()

    def __enter__(self) -> Self:
        """The services themselves."""
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Close.

        Raises:
            Unavailable: What was done with the services ended because the disk gave no answer.
        """
        self.close()
        name = getattr(error, "sqlite_errorname", "")
        if isinstance(error, sqlite3.DatabaseError) and name.startswith(OF_THE_DISK):
            raise unusable(self.settings, error) from error


class Following:
    """Stands for the object that a function gives in the calling thread."""

    def __init__(self, current: Callable[[], object]) -> None:
        """``current`` gives the object."""
        self._current = current

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current(), name)


def unusable(settings: Settings, error: BaseException) -> Unavailable:
    """What to say where the disk gave no answer."""
    name = getattr(error, "sqlite_errorname", "") or getattr(error, "strerror", "")
    return Unavailable(
        f"the state cannot be used ({name or type(error).__name__})",
        where=str(settings.storage.data / STATE),
        advice="check the disk; if it is well: tracehold journal rebuild",
    )


def _stamp(root: Path) -> object:
    """Changes whenever a manifest does: paths, sizes, times of change."""
    if not root.is_dir():
        return None
    found = []
    for path in sorted(root.rglob("*.y*ml")):
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)
