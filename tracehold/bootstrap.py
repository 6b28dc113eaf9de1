"""The one composition root: settings in, wired parts out.

Nothing else constructs an adapter. A process either *writes* a workspace (it holds the lock, owns
journal and fold) or only reads it beside whoever writes.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lineage.clock import Clock, system_clock
from lineage.errors import TraceholdError, Unavailable
from lineage.graph.router import Allowance, GraphRouter, SourceEngine
from lineage.graph.sql import SqlGraph
from lineage.identity import Identity
from lineage.journal.erasure import finish_erasures
from lineage.journal.keys import load_keys
from lineage.journal.sqlite import SqliteJournal, open_journal
from lineage.openlineage.scrub import LexicalScrubber
from lineage.state.advance import Folder
from lineage.state.generations import sweep
from lineage.state.store import SqlState, open_state
from lineage.state.tables import connect
from tracehold.access_log import AccessLog
from tracehold.advancing import Advancer, Folds
from tracehold.authentication import Authenticator
from tracehold.lock import WorkspaceLock
from tracehold.logins import Logins
from tracehold.refolding import Refolder, cause_to_refold, open_beside
from tracehold.registry import STATE, make_registry
from tracehold.services import Following, Services, unusable
from tracehold.settings import Settings

if TYPE_CHECKING:
    from lineage.graph.mirror import Mirror
    from lineage.graph.neo4j import Neo4jGraph

__all__ = ["open_neo4j", "open_services"]

_log = logging.getLogger(__name__)


def open_services(
    settings: Settings,
    *,
    write: bool,
    clock: Clock = system_clock,
    background: bool = False,
    apart: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Services:
    """Open a workspace.

    Args:
        settings: From ``tracehold.settings.load``.
        write: True to take the lock and own journal and fold; False to read only.
        clock: Epoch milliseconds.
        background: Whether the caller runs ``refolder``; without it a state that must be folded
            anew is, before this returns.
        apart: Fold in a process of its own, beside whatever this one does.
        progress: Told the position meanwhile.

    Raises:
        Conflict: ``write``, and another process has the workspace.
        Unavailable: Files or keys are missing or cannot be used.
    """
    data = settings.storage.data
    keys = load_keys(settings.storage.keys)
    opened: list[Callable[[], None]] = []
    try:
        lock = WorkspaceLock.acquire(data, clock) if write else None
        if lock is not None:
            opened.append(lock.release)
        journal = open_journal(
            data,
            settings.storage.keys,
            origin=settings.origin,
            clock=clock,
            read_only=not write,
        )
        opened.append(journal.close)
        registry = make_registry()
        identity = Identity(keys.secret)
        path, cause = data / STATE, None
        if write:
            _tidy_up(journal, path)
            cause = cause_to_refold(path, journal, registry.version)
            if cause == "missing" and not background:
                cause = None  # folding from the first fact is all there is to do
        beside = cause is not None or (apart and write)
        state = open_beside(path) if beside else open_state(path, read_only=not write)
        opened.append(state.close)
        neo4j = open_neo4j(settings, identity)
        mirror = _make_mirror(settings, state, identity) if write else None
        advancer = refolder = None
        if write:
            followed = None if mirror is None else (lambda: mirror.status().position)

            def open_folder() -> Folds:
                if not apart or lock is None:
                    return Folder(journal, state, registry, identity)
                from tracehold.folding.messages import Begin
                from tracehold.folding.process import FoldProcess

                begin = Begin(str(data), str(settings.storage.keys), settings.origin)
                return FoldProcess(begin, state.late, position=state.position, held=[lock.handle])

            advancer = Advancer(open_folder() if cause is None else None, followed=followed)
            opened.append(advancer.close)
            refolder = Refolder(
                journal, state, registry, identity, advancer, open_folder=open_folder
            )
            refolder.begin(cause, background=background, progress=progress)
        graph = cast("SourceEngine", Following(lambda: state.graph))
        logins = Logins(clock)
        return Services(
            settings=settings,
            clock=clock,
            identity=identity,
            keys=keys,
            registry=registry,
            journal=journal,
            state=state,
            router=GraphRouter(
                graph,
                neo4j,
                allowance=_allowance(settings),
                known=mirror.status if mirror is not None else None,
            ),
            scrubber=LexicalScrubber(),
            logins=logins,
            people=Authenticator(state, identity, logins, clock),
            advancer=advancer,
            access_log=AccessLog(journal, clock) if write else None,
            refolder=refolder,
            mirror=mirror,
            neo4j=neo4j,
            lock=lock,
        )
    except BaseException as error:
        _close_all(opened)
        if isinstance(error, (sqlite3.Error, OSError)):
            raise unusable(settings, error) from error
        raise


def _close_all(opened: Sequence[Callable[[], None]]) -> None:
    for close in reversed(opened):
        try:
            close()
        except TraceholdError:
            continue  # the first error is the one to hear of


def _tidy_up(journal: SqliteJournal, state: Path) -> None:
    """Finish what a crash cut off: keys that were to be destroyed, states that were replaced."""
    try:
        finish_erasures(journal)
    except Unavailable as error:
        _log.warning("erasures are not finished yet: %s", error)
    sweep(state)


def open_neo4j(settings: Settings, identity: Identity) -> Neo4jGraph | None:
    """The Neo4j of a workspace, not connected yet; None where none is configured."""
    graph = settings.graph
    if not graph.url:
        return None
    # The driver takes long to import and is not needed without a graph.
    from lineage.graph.neo4j import Neo4jGraph

    return Neo4jGraph(
        graph.url,
        graph.user,
        graph.password,
        workspace=identity.token("mirror", b"")[:32],
        deadline_seconds=graph.deadline_seconds,
    )


def _make_mirror(settings: Settings, state: SqlState, identity: Identity) -> Mirror | None:
    # Its own way to the server: a question that is given up must not cut off what is written.
    target = open_neo4j(settings, identity)
    if target is None:
        return None
    from lineage.graph.mirror import Mirror

    def source() -> SqlGraph:
        return SqlGraph(connect(state.connections.file, read_only=True))

    return Mirror(source, target, max_lag=settings.graph.max_lag_facts)


def _allowance(settings: Settings) -> Allowance:
    graph = settings.graph
    return Allowance(graph.max_lag_facts, graph.max_lag_seconds, graph.answer_seconds)
