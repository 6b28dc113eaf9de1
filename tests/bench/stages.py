"""What an event costs stage by stage, and where its bytes lie: the same parts, without HTTP."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path

from load import LoadSpec, events
from rig import Options, Row, Scenario, folder

from lineage.clock import system_clock
from lineage.identity import Identity
from lineage.journal.keys import ensure_keys
from lineage.journal.sqlite import open_journal
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from lineage.state.advance import Folder
from lineage.state.store import open_state
from tracehold.registry import STATE, make_registry

__all__ = ["SCENARIOS"]

_GROUP = 32
_LARGEST = 1 << 25
_TEN_MILLION = 10_000_000
_GB = 1e9


def _stages(spec: LoadSpec) -> tuple[Counter[str], Counter[str], int]:
    """CPU seconds by stage, bytes by table, and the number of events."""
    spent: Counter[str] = Counter()
    with folder() as home, ExitStack() as opened:
        data, keys = home / "data", home / "keys"
        secret = ensure_keys(keys).secret
        data.mkdir()
        journal = opened.enter_context(
            closing(open_journal(data, keys, origin="bench", clock=system_clock))
        )
        state = opened.enter_context(closing(open_state(data / STATE)))
        folder_ = Folder(
            journal, state, make_registry(), Identity(secret), monotonic=time.thread_time
        )
        scrubber = LexicalScrubber()
        bodies = events(spec)
        count = 0
        while group := list(islice(bodies, _GROUP)):
            began = time.thread_time()
            drafts = [
                receive(body, actor="bench", scrubber=scrubber, max_bytes=_LARGEST)
                for body in group
            ]
            spent["receive and scrub"] += time.thread_time() - began
            began = time.process_time()
            for receipt in [journal.submit(draft) for draft in drafts]:
                receipt.result()
            spent["journal"] += time.process_time() - began
            count += len(group)
            # Larger batches than the journal's groups, as a fold under load has them.
            if count % (8 * _GROUP) == 0:
                spent.update(folder_.catch_up().seconds)
        spent.update(folder_.catch_up().seconds)
        opened.close()
        sizes: Counter[str] = Counter()
        for path in (data / "journal.db", keys / "parts.db", data / STATE):
            sizes.update(_tables(path))
    return spent, sizes, count


def _tables(path: Path) -> dict[str, int]:
    """Bytes of every table and index of a database that nobody has open."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        pages = db.execute("select name, sum(pgsize) from dbstat group by name")
        return {f"{path.stem}: {name}": size for name, size in pages}


def _rows(spec: LoadSpec) -> Iterator[Row]:
    spent, sizes, count = _stages(spec)
    named = {"read": "read back", "fold": "fold: take", "settle": "fold: settle",
             "graph": "fold: graph", "commit": "fold: commit"}  # fmt: skip
    for stage, seconds in spent.items():
        yield Row(named.get(stage, stage), [seconds / count * 1e3], "CPU ms per event")
    yield Row("all stages", [spent.total() / count * 1e3], "CPU ms per event")
    for name, size in sizes.most_common(14):
        yield Row(f"`{name}`", [size / count / 1e3], "kB per event")
    total = sizes.total() / count
    yield Row("all tables and indexes", [total / 1e3], "kB per event")
    yield Row("10,000,000 events", [total * _TEN_MILLION / _GB], "GB, extrapolated")


def _repeated(options: Options) -> list[Row]:
    jobs = options.sized(1_000, 5)
    return list(_rows(LoadSpec(jobs=jobs, runs=5 * jobs)))


def _new(options: Options) -> list[Row]:
    jobs = options.sized(2_000, 20)
    return list(_rows(LoadSpec(jobs=jobs, runs=jobs)))


_NOTE = (
    "In one process without HTTP, so that each stage has its CPU time to itself. Bytes are those of"
    " the pages of each table and index; the extrapolation keeps the mix of new and known shapes."
)

SCENARIOS = (
    Scenario(
        "stages-repeated", "Stage by stage: 1,000 jobs, 90 % unchanged", _repeated, note=_NOTE
    ),
    Scenario("stages-new", "Stage by stage: every shape new", _new, note=_NOTE),
)
