"""What the sensor of a Dagster project takes: its own time, the server's, and memory."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import dagster as dg
from dagster_instances import consolidated, evaluate, sharded
from many_dagster_runs import instance_with, project
from rig import Options, Row, Scenario, folder
from running_server import RunningServer, make_workspace, serving
from sending import positions, wait_for

from tracehold_dagster import lineage_for
from tracehold_dagster.reading import read_graph

__all__ = ["SCENARIOS"]

_ASSETS = 20


class _CaughtUp(NamedTuple):
    """What it took to send everything: seconds, seconds of CPU, megabytes at most, evaluations."""

    seconds: float
    cpu: float
    peak: float
    evaluations: int


def _catch_up(home: Path, *, one_log: bool, url: str, token: str) -> _CaughtUp:
    """Evaluate the sensor until it has nothing more to send; in a process of its own."""
    os.environ.update(TRACEHOLD_URL=url, TRACEHOLD_TOKEN=token)
    defs = dg.Definitions.merge(dg.Definitions(assets=project(_ASSETS)), lineage_for())
    with (consolidated if one_log else sharded)(home) as instance:
        began, cpu, evaluations = time.perf_counter(), time.process_time(), 0
        cursor: str | None = None
        more = True
        while more:
            cursor, said = evaluate(defs, instance, cursor)
            evaluations += 1
            more = not said.startswith("0 events of 0 records")
        seconds = time.perf_counter() - began
        return _CaughtUp(seconds, time.process_time() - cpu, _peak(), evaluations)


def _peak() -> float:
    """Megabytes that this process had resident at most (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def _sent(home: Path, *, entries: int, one_log: bool) -> tuple[_CaughtUp, int, float]:
    """What it took, how many entries there were, and the CPU seconds of the server.

    Raises:
        SystemExit: Something was lost, or came twice.
    """
    dagster_home = home / f"dagster-{entries}"
    instance, runs, entries = instance_with(
        dagster_home, project(_ASSETS), entries=entries, one_log=one_log
    )
    instance.dispose()
    with serving(make_workspace(home / f"workspace-{entries}")) as server:
        before, cpu = _facts(server), server.cpu_seconds()
        # A pool that ends its process with SIGTERM waits for ever where Dagster ignores that.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            words = {"one_log": one_log, "url": server.url, "token": server.token}
            caught_up = pool.submit(_catch_up, dagster_home, **words).result()
        kept = _facts(server)
        wait_for(server, "state", kept)
        cpu = server.cpu_seconds() - cpu
    expected = runs * 2 * (1 + _ASSETS)
    if kept - before != expected:
        raise SystemExit(f"{expected} events were to be kept, and {kept - before} are")
    return caught_up, entries, cpu


def _facts(server: RunningServer) -> int:
    with closing(server.client()) as client:
        return positions(client)["journal"]


def _tail(options: Options, *, one_log: bool) -> list[Row]:
    few, many = options.sized(10_000, 300), options.sized(100_000, 900)
    rates, seconds, cpus, servers, growths, peaks = [], [], [], [], [], []
    for _ in range(options.rounds):
        with folder() as home:
            small, _, _ = _sent(home, entries=few, one_log=one_log)
            large, entries, server = _sent(home, entries=many, one_log=one_log)
        rates.append(entries / large.seconds)
        seconds.append(large.seconds)
        cpus.append(large.cpu / entries * 1e6)
        servers.append(server / entries * 1e6)
        peaks.append(large.peak)
        growths.append(large.peak - small.peak)
    return [
        Row("entries of Dagster's log sent and answered", rates, "entries/s", "≥ 1,000"),
        Row(f"an outage of {many:,} entries made good", seconds, "s, nothing lost", "≤ 300"),
        Row("CPU of the sensor", cpus, "µs by entry"),
        Row("CPU of the server, folding too", servers, "µs by entry"),
        Row("peak resident of the sensor's process", peaks, "MB"),
        Row(f"peak for {many:,} entries above that for {few:,}", growths, "MB"),
    ]


def _by_run(options: Options) -> list[Row]:
    return _tail(options, one_log=False)


def _by_id(options: Options) -> list[Row]:
    return _tail(options, one_log=True)


def _load(options: Options) -> list[Row]:
    assets = options.sized(5_000, 100)
    plain, merged, described = [], [], []
    for _ in range(options.rounds):
        specs = [
            dg.AssetSpec(f"table_{n}", deps=[f"table_{n // 2}"] if n else [], owners=["team:data"])
            for n in range(assets)
        ]
        began = time.process_time()
        _ = dg.Definitions(specs).get_repository_def().asset_graph
        plain.append(time.process_time() - began)
        began = time.process_time()
        defs = dg.Definitions.merge(dg.Definitions(specs), lineage_for())
        repository = defs.get_repository_def()
        _ = repository.asset_graph
        merged.append(time.process_time() - began)
        began = time.process_time()
        read_graph(repository)
        described.append(time.process_time() - began)
    added = [one - other for one, other in zip(merged, plain, strict=True)]
    return [
        Row(f"{assets:,} assets, loaded", plain, "s of CPU"),
        Row("what lineage_for adds to that", added, "s of CPU", "≤ 1"),
        Row("the graph read, once, at the first evaluation", described, "s of CPU"),
    ]


_NOTE = (
    f"Runs of {_ASSETS} assets with ten columns each. Evaluations follow each other, as they do"
    " when one takes longer than the interval of ten seconds."
)

SCENARIOS = (
    Scenario("dagster-runs", "A Dagster sensor, an event log per run", _by_run, note=_NOTE),
    Scenario("dagster-log", "A Dagster sensor, one event log", _by_id, note=_NOTE),
    Scenario("dagster-load", "A Dagster code location with lineage", _load),
)
