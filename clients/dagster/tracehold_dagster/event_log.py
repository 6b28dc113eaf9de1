"""The records of an instance in the order they were written, part by part, behind a cursor.

Where one log holds all runs it is read by storage id. SQLite keeps a log per run, whose ids say
nothing about those of another: there the runs are listed by when they last changed, and each is
read by itself until some time after it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    EventLogRecord,
    RunRecord,
    RunsFilter,
)

from tracehold_dagster.cursor import Cursor, Progress
from tracehold_dagster.reading import read_record, read_run
from tracehold_dagster.records import KINDS, AssetGraph, Record, Run
from tracehold_dagster.sources import with_sources
from tracehold_dagster.stored import page_of_all, page_of_run
from tracehold_dagster.translate import Carried, Naming, translate

__all__ = ["OUTSIDE", "Part", "Reading", "parts", "whole_run"]

_PAGE: Final = 1_000
"""Records read at once."""
_RUNS: Final = 100
"""Runs listed at once."""
_OVERLAP_SECONDS: Final = 30.0
"""Runs are stamped, and records get their ids, before they are written: for so long at most."""
_LINGER_SECONDS: Final = 600.0
"""For so long a step can outlive its run that failed, was canceled or was given up."""
OUTSIDE: Final = Run("", "")
"""What was recorded outside a run."""
_ENDED: Final = frozenset({"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"})
_NOT_BEGUN: Final = frozenset(
    {DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.MANAGED}
)
_TYPES: Final = {kind for kind in DagsterEventType if kind.value in KINDS}
_TYPES_OF_ASSETS: Final = _TYPES - {DagsterEventType.STEP_OUTPUT}
"""What an output of an asset says, its materialization says too."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Part:
    """Records that were read, as events.

    Attributes:
        records: How many records it took.
        events: What they became, in order.
    """

    records: int
    events: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """How records become events.

    Attributes:
        naming: Settings of the translator.
        graph: What the definitions say; None where they are not at hand.
        wanted: Whether a run is one of ours.
    """

    naming: Naming
    graph: AssetGraph | None = None
    wanted: Callable[[Run], bool] = lambda _: True

    def part(
        self, instance: DagsterInstance, run: Run, records: list[Record], progress: Progress
    ) -> Part:
        """The next records of a run as events; ``progress`` carries on behind them."""
        count = len(records)
        if run == OUTSIDE and self.graph is not None:
            # Nothing else tells whose they are.
            records = [one for one in records if one.asset in self.graph.assets]
        carried = Carried.from_json(progress.carried)
        made = [tuple(name.split("/")) for name in carried.made]
        records = with_sources(instance, records, self.graph, made)
        events, carried = translate(run, records, carried, self.graph, self.naming)
        progress.carried = carried.to_json()
        return Part(count, events)


def parts(
    instance: DagsterInstance, cursor: Cursor, reading: Reading, now: float
) -> Iterator[Part]:
    """Everything behind a cursor, which moves with each part.

    Args:
        instance: Whose log is read.
        cursor: Behind what was read; changed, so that it holds for all parts given so far.
        reading: How records become events.
        now: Epoch seconds.
    """
    if _read_by_id(instance):
        return _by_id(instance, cursor, reading, now)
    return _by_run(instance, cursor, reading, now)


def whole_run(instance: DagsterInstance, run_id: str, reading: Reading) -> Iterator[Part]:
    """Everything that a run has recorded up to now, from its beginning."""
    record = instance.get_run_record_by_id(run_id)
    if record is not None:
        yield from _rest(instance, read_run(record), reading, Progress())


def _read_by_id(instance: DagsterInstance) -> bool:
    storage = instance.event_log_storage
    if storage.is_run_sharded:
        return False
    try:
        storage.get_maximum_record_id()
    except NotImplementedError:
        # A storage that has ids and does not read by them; any can read a run.
        return False
    return True


def _by_id(
    instance: DagsterInstance, cursor: Cursor, reading: Reading, now: float
) -> Iterator[Part]:
    storage = instance.event_log_storage
    while True:
        last = storage.get_maximum_record_id() or 0
        found = _next_of_all(storage, cursor.log)
        if not found and last > cursor.log:
            # Dagster cannot read what comes next, and has logged that: past it, place by place.
            cursor.log += 1
            continue
        entries = _without_gap(cursor.log, found, now)
        if not entries:
            break
        by_run: dict[str, list[Record]] = {}
        for record in entries:
            if record.kind in KINDS:
                by_run.setdefault(record.run_id, []).append(record)
        events: list[dict[str, Any]] = []
        for run_id, run in _runs(instance, by_run).items():
            if not reading.wanted(run):
                continue
            progress = cursor.runs.setdefault(run_id, Progress())
            events += reading.part(instance, run, by_run[run_id], progress).events
            if not progress.carried or any(one.kind in _ENDED for one in by_run[run_id]):
                del cursor.runs[run_id]
        cursor.log = entries[-1].storage_id or 0
        yield Part(len(entries), events)
    _forget_ended(instance, cursor, now)


def _next_of_all(storage: Any, after: int) -> list[Record]:
    found = page_of_all(storage, after, _PAGE)
    if found is not None:
        return found
    entries = storage.get_logs_for_all_runs_by_log_id(after_cursor=after, limit=_PAGE)
    return [read_record(EventLogRecord(place, entry)) for place, entry in entries.items()]


def _without_gap(last: int, found: Iterable[Record], now: float) -> list[Record]:
    """The entries up to where an id is missing that somebody may be about to write."""
    entries: list[Record] = []
    for record in found:
        storage_id = record.storage_id or 0
        if storage_id > last + 1 and record.at > (now - _OVERLAP_SECONDS) * 1000:
            break
        entries.append(record)
        last = storage_id
    return entries


def _forget_ended(instance: DagsterInstance, cursor: Cursor, now: float) -> None:
    """Let go of runs that ended, or are gone, without a record that says so."""
    for record in _run_records(instance, cursor.runs, gone=cursor.runs.pop):
        if record.dagster_run.is_finished and _idle(record, now) > _LINGER_SECONDS:
            del cursor.runs[record.dagster_run.run_id]


def _by_run(
    instance: DagsterInstance, cursor: Cursor, reading: Reading, now: float
) -> Iterator[Part]:
    outside = cursor.runs.setdefault(OUTSIDE.run_id, Progress())
    yield from _rest(instance, OUTSIDE, reading, outside)
    known = [run_id for run_id in cursor.runs if run_id != OUTSIDE.run_id]
    seen: set[str] = set()
    for record in _run_records(instance, known, gone=cursor.runs.pop):
        seen.add(record.dagster_run.run_id)
        yield from _one(instance, record, cursor, reading, now)
    horizon = int((now - _OVERLAP_SECONDS) * 1e6)
    after, limit = cursor.since, _RUNS
    while True:
        found = instance.get_run_records(
            RunsFilter(updated_after=_EPOCH + after * _MICROSECOND),
            limit=limit,
            order_by="update_timestamp",
            ascending=True,
        )
        began = after
        stamps = [(one.update_timestamp - _EPOCH) // _MICROSECOND for one in found]
        # Behind a full page there may be more runs of the very same moment.
        stamps.append(stamps[-1] if len(found) == limit else -1)
        for record, stamp, following in zip(found, stamps, stamps[1:], strict=False):
            if record.dagster_run.run_id not in seen:
                seen.add(record.dagster_run.run_id)
                yield from _one(instance, record, cursor, reading, now)
            if following != stamp:
                after = stamp
                cursor.since = max(cursor.since, min(after, horizon))
        if len(found) < limit:
            return
        limit = _RUNS if after > began else limit * 2


def _one(
    instance: DagsterInstance, record: RunRecord, cursor: Cursor, reading: Reading, now: float
) -> Iterator[Part]:
    """What a run recorded since; the cursor keeps it while it may record more."""
    run = read_run(record)
    # A run that has not begun is listed again when it does.
    if record.dagster_run.status in _NOT_BEGUN or not reading.wanted(run):
        cursor.runs.pop(run.run_id, None)
        return
    progress = cursor.runs.setdefault(run.run_id, Progress())
    yield from _rest(instance, run, reading, progress)
    if record.dagster_run.is_finished:
        succeeded = record.dagster_run.is_success
        if _idle(record, now) > (_OVERLAP_SECONDS if succeeded else _LINGER_SECONDS):
            del cursor.runs[run.run_id]


def _rest(
    instance: DagsterInstance, run: Run, reading: Reading, progress: Progress
) -> Iterator[Part]:
    _open_at_once(instance, run.run_id)
    kinds = _TYPES_OF_ASSETS if run.of_assets else _TYPES
    more = True
    while more:
        found = page_of_run(instance.event_log_storage, run.run_id, progress.at, kinds, _PAGE)
        if found is None:
            page = instance.get_records_for_run(run.run_id, progress.at, kinds, _PAGE)
            found = [read_record(one) for one in page.records], page.cursor
        records, at = found
        more = len(records) == _PAGE
        if records:
            part = reading.part(instance, run, records, progress)
            progress.at = at
            yield part


def _open_at_once(instance: DagsterInstance, run_id: str) -> None:
    """Spare SQLite's storage a look at all of Dagster's migrations before it opens a run's log.

    It takes that look once per log and evaluation, to make the log where there is none; it costs
    more than to read a short run.
    """
    storage = instance.event_log_storage
    seen = getattr(storage, "_initialized_dbs", None)
    if storage.is_run_sharded and isinstance(seen, set):
        path = getattr(storage, "path_for_shard", lambda _: "")(run_id)
        if Path(path).is_file():
            seen.add(run_id)


def _runs(instance: DagsterInstance, run_ids: Collection[str]) -> dict[str, Run]:
    found = [read_run(record) for record in _run_records(instance, run_ids)]
    if OUTSIDE.run_id in run_ids:
        found.append(OUTSIDE)
    return {run.run_id: run for run in found}


def _run_records(
    instance: DagsterInstance,
    run_ids: Iterable[str],
    *,
    gone: Callable[[str], object] = lambda _: None,
) -> Iterator[RunRecord]:
    """The runs of these ids, some at a time; ``gone`` is called with each that is no more."""
    wanted = list(run_ids)
    for begin in range(0, len(wanted), _RUNS):
        some = wanted[begin : begin + _RUNS]
        found = {
            one.dagster_run.run_id: one
            for one in instance.get_run_records(RunsFilter(run_ids=some))
        }
        for run_id in some:
            if run_id in found:
                yield found[run_id]
            else:
                gone(run_id)


def _idle(record: RunRecord, now: float) -> float:
    """Seconds since a run last changed."""
    return now - max(record.end_time or 0.0, record.update_timestamp.timestamp())
