"""Folding a journal of a million events anew."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice

from load import LoadSpec, events
from rig import Options, Row, Scenario, folder, size_of

from lineage.clock import system_clock
from lineage.identity import Identity
from lineage.journal.keys import ensure_keys
from lineage.journal.sqlite import open_journal
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from lineage.state.rebuild import rebuild
from tracehold.registry import STATE, make_registry

__all__ = ["SCENARIOS"]

_GROUP = 500
_LARGEST = 1 << 25
_FIRST_ID = 8
"""Digits at the beginning of a run id: eight of them number a round."""


def _rounds(spec: LoadSpec, count: int) -> Iterator[bytes]:
    """Events of the same jobs, round after round: other runs, later times, the same shapes."""
    patterns = [(body, _run_id(body), _times(body)) for body in events(spec)]
    for number in range(-(-count // len(patterns))):
        for body, run_id, times in patterns:
            fresh = body.replace(run_id, b"%08x" % number + run_id[_FIRST_ID:])
            for text, moment in times:
                fresh = fresh.replace(text, _text(moment + timedelta(hours=number)))
            yield fresh


def _run_id(body: bytes) -> bytes:
    return body.partition(b'"runId":"')[2][:36]


def _times(body: bytes) -> list[tuple[bytes, datetime]]:
    found = {body.partition(mark)[2][:24] for mark in (b'"eventTime":"', b'"nominalStartTime":"')}
    return [(text, datetime.fromisoformat(text.decode())) for text in sorted(found)]


def _text(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _refold(options: Options) -> list[Row]:
    jobs = options.sized(1_000, 10)
    count = options.sized(1_000_000, 100)
    scrubber = LexicalScrubber()
    with folder() as home:
        data, keys = home / "data", home / "keys"
        identity = Identity(ensure_keys(keys).secret)
        data.mkdir()
        with closing(open_journal(data, keys, origin="bench", clock=system_clock)) as journal:
            bodies = islice(_rounds(LoadSpec(jobs=jobs, runs=jobs), count), count)
            began = time.perf_counter()
            while group := list(islice(bodies, _GROUP)):
                journal.append(
                    [
                        receive(body, actor="bench", scrubber=scrubber, max_bytes=_LARGEST)
                        for body in group
                    ]
                )
            filled = time.perf_counter() - began
            cpu, began = time.process_time(), time.perf_counter()
            done = rebuild(journal, data / STATE, make_registry(), identity)
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        if done.position != count:
            raise SystemExit(f"{done.position} of {count} events were folded")
        size = size_of(home)
    return [
        Row("events", [count], "START and COMPLETE of 1,000 jobs"),
        Row("refold", [wall], "s", "≤ 900"),
        Row("refold, rate", [count / wall], "events/s"),
        Row("refold, CPU", [cpu / count * 1e3], "ms per event"),
        Row("journal filled before", [filled], "s, read, scrub and append in groups"),
        Row("greatest memory", [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3], "MB"),
        Row("on disk", [size / count / 1e3], "kB per event"),
        Row("10,000,000 events", [size / count * 10_000_000 / 1e9], "GB, extrapolated"),
    ]


SCENARIOS = (Scenario("refold", "Refold of 1,000,000 events", _refold, asked=True),)
