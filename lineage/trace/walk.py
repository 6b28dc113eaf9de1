"""The trace: where something comes from, or where it goes, as of a moment.

A pure walk over a graph and the state: the same facts, moment and limits give the same trace from
either engine, but for ``answered_by``. A dataset that nothing feeds is a source, not a gap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Final

from lineage.errors import InvalidInput
from lineage.graph.port import Direction, Limits, Node, View
from lineage.graph.router import Engine, answer
from lineage.graph.walk import Deadline, OutOfTime
from lineage.identity import Identity
from lineage.refs import ColumnRef, JobRef, Ref, RunRef
from lineage.state.port import StateReader
from lineage.trace.answering import Answering
from lineage.trace.between import between_columns, between_datasets
from lineage.trace.coverage import estate_coverage
from lineage.trace.hiding import hide
from lineage.trace.model import Allowed, Annotator, Coverage, Hidden, Trace
from lineage.trace.paging import Page
from lineage.trace.reached import Question, Reached, along_columns, along_datasets
from lineage.trace.resolve import unknown

__all__ = ["DEFAULT_LIMITS", "trace"]

DEFAULT_LIMITS: Final = Limits()


def trace(
    reader: Engine,
    state: StateReader,
    identity: Identity,
    ref: Ref,
    *,
    direction: Direction,
    to: Ref | None = None,
    columns: bool = False,
    view: View = "structural",
    rollup: bool = False,
    as_of: int,
    limits: Limits = DEFAULT_LIMITS,
    annotators: Iterable[Annotator] = (),
    coverage: Coverage | None = None,
    allowed: Allowed | None = None,
    page: Page | None = None,
    truncated: Collection[str] = (),
    monotonic: Callable[[], float] = time.monotonic,
) -> Trace:
    """Walk from a reference to everything it comes from, or everything made from it.

    Args:
        reader: An engine, or the router between them.
        state: The state that names and annotates what is reached.
        identity: Derives keys.
        ref: A dataset, column or model.
        direction: ``up`` to the sources, ``down`` to what is made from it.
        to: Only what lies on a way to this dataset, column or model; no nodes where none leads
            there.
        columns: Walk along columns; from a dataset, along all of its columns. A column always does.
        view: ``structural``: how things are wired; ``content``: whose data can be inside.
        rollup: Whether edges show the outermost job around the one that reported them.
        as_of: The moment, epoch milliseconds.
        limits: What the walk may cost; reaching one is a reason.
        annotators: Say what to show beside each node.
        coverage: Coverage of the estate where the caller knows it for this position already.
        allowed: What may be seen; everything where None.
        page: Which part of the answer; as much as fits into one where None.
        truncated: Limits that were met before the walk: while the state was made again.
        monotonic: Clock for the limit of time, in seconds.

    Raises:
        NotFound: Nothing of that name is known.
        InvalidInput: A reference is a job or a run.
        StaleCursor: The answer is not the one that the page before was of.
        OutOfTime: Nobody waits for the answer any more.
    """
    start, first = _begin(state, identity, ref, allowed)
    end, last = (None, None) if to is None else _begin(state, identity, to, allowed)
    by_columns = columns or isinstance(ref, ColumnRef) or isinstance(to, ColumnRef)
    deadline = Deadline(limits.seconds, monotonic, limits.stopped)
    passages = state.passages()

    def gather(engine: Engine) -> tuple[Reached, int]:
        position = engine.position()
        ask = Question(
            engine, state, identity, direction, view, as_of, limits, passages, deadline
        )  # fmt: skip
        if end is not None and last is not None:
            if by_columns:
                found = between_columns(ask, (start, end), (first.label, last.label))
            else:
                found = between_datasets(ask, start, end)
        elif by_columns:
            found = along_columns(ask, start, first.label)
        else:
            found = along_datasets(ask, start)
        return found, position

    (reached, position), who = answer(reader, gather)
    reached.truncated = tuple(dict.fromkeys((*reached.truncated, *truncated)))
    hidden = Hidden()
    if allowed is not None:
        hidden = hide(reached, start, direction, allowed)
    if deadline.abandoned():
        raise OutOfTime("nobody waits for the answer any more")
    building = Answering(
        reached=reached,
        hidden=hidden,
        state=state,
        deadline=deadline,
        annotators=tuple(annotators),
        allowed=allowed,
        ref=str(ref),
        to=None if to is None else str(to),
        direction=direction,
        view=view,
        columns=by_columns,
        as_of=as_of,
        known_at=min(position, state.position()),
        limits=limits,
        rollup=rollup,
    )
    found = building.trace(page or Page(), who, coverage or estate_coverage(state))
    if deadline.abandoned():
        raise OutOfTime("nobody waits for the answer any more")
    return found


def _begin(
    state: StateReader, identity: Identity, ref: Ref, allowed: Allowed | None
) -> tuple[str, Node]:
    if isinstance(ref, JobRef | RunRef):
        raise InvalidInput(
            "a trace begins at data, not at a job or a run",
            where=str(ref),
            advice="trace a dataset that it reads or writes; `tracehold job show` lists them",
        )
    key = ref.key(identity)
    node = state.node(key)
    # What may not be seen is told like something that is not there.
    if node is None or not (allowed is None or allowed(node)):
        raise unknown(str(ref))
    return key, node
