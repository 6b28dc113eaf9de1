"""Measure ingest and trace on this machine: ``make bench``.

A fresh workspace and a server of its own for every round; the senders are threads on the loopback,
in one process beside the server. Each figure is the median of the rounds. Ingest is counted three
times: *accepted* (answered 201, so durable), *visible* (in the SQL state) and *mirrored* (in Neo4j,
where one is configured). The server's CPU time is read from the system and does not depend on how
fast the senders are.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from load import Estate, LoadSpec, events
from running_server import Client, RunningServer, make_workspace, serving

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "benchmarks.md"
_DEADLINE_SECONDS = 600.0
_PAUSE_SECONDS = 0.02

Figures = dict[str, float]

_UNITS = {
    "accepted": "events/s answered 201 (durable)",
    "visible": "events/s until in the SQL state",
    "mirrored": "events/s until in Neo4j",
    "answer p50": "ms from sending an event to its 201",
    "answer p99": "ms from sending an event to its 201",
    "server CPU": "ms per event, all threads, until visible",
    "resident": "MB of the server after the load",
    "journal and state": "kB on disk per event",
    "trace from the last level p50": "ms, all tables upstream",
    "trace from the last level p95": "ms, all tables upstream",
    "trace from the middle p50": "ms, all tables upstream",
    "column trace p50": "ms, one column, from the last level",
    "nodes": "tables in the trace from the last level, median",
}


def measure(spec: LoadSpec, *, senders: int, questions: int, graph: Mapping[str, str]) -> Figures:
    """One round: load, wait, ask."""
    bodies = list(events(spec))
    with tempfile.TemporaryDirectory(prefix="tracehold-bench-") as folder:
        workspace = make_workspace(Path(folder, "workspace"))
        with serving(workspace, environment=graph) as server:
            figures = _ingest(server, bodies, senders=senders, mirrored=bool(graph))
            figures["resident"] = server.resident_bytes() / 1e6
            figures["journal and state"] = _size(workspace / ".tracehold") / 1e3 / len(bodies)
            figures |= _ask(server, spec, questions)
    return figures


def _ingest(
    server: RunningServer, bodies: Sequence[bytes], *, senders: int, mirrored: bool
) -> Figures:
    waiting = iter(bodies)
    lock = threading.Lock()
    seconds: list[float] = []
    refused: list[str] = []
    watcher = server.client()
    before = _positions(watcher)["journal"]

    def send() -> None:
        client, mine = server.client(), []
        while not refused:
            with lock:
                body = next(waiting, None)
            if body is None:
                break
            began = time.perf_counter()
            status, answer = client.post("/api/v1/lineage", body)
            mine.append(time.perf_counter() - began)
            if status != 201:
                refused.append(f"{status} {answer[:300]!r}")
        client.close()
        with lock:
            seconds.extend(mine)

    cpu, began = server.cpu_seconds(), time.perf_counter()
    threads = [threading.Thread(target=send) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = time.perf_counter() - began
    if refused:
        raise SystemExit(f"the server refused an event: {refused[0]}")
    goal = before + len(bodies)
    _wait(watcher, "state", goal)
    visible = time.perf_counter() - began
    cpu = server.cpu_seconds() - cpu
    figures = {
        "accepted": len(bodies) / accepted,
        "visible": len(bodies) / visible,
        "answer p50": _quantile(seconds, 0.50) * 1e3,
        "answer p99": _quantile(seconds, 0.99) * 1e3,
        "server CPU": cpu / len(bodies) * 1e3,
    }
    if mirrored:
        _wait(watcher, "mirror", goal)
        figures["mirrored"] = len(bodies) / (time.perf_counter() - began)
    watcher.close()
    return figures


def _positions(client: Client) -> dict[str, int]:
    """How far journal, state and mirror are."""
    health = client.json("/health")
    journal = int(health["journal"])
    lag = (health.get("mirror") or {}).get("lag")
    return {
        "journal": journal,
        "state": journal - int(health["lag"]),
        "mirror": -1 if lag is None else journal - int(lag),
    }


def _wait(client: Client, what: str, goal: int) -> None:
    end = time.monotonic() + _DEADLINE_SECONDS
    while _positions(client)[what] < goal:
        if time.monotonic() > end:
            raise SystemExit(f"the {what} did not reach position {goal}")
        time.sleep(_PAUSE_SECONDS)


def _ask(server: RunningServer, spec: LoadSpec, questions: int) -> Figures:
    estate = Estate(spec)
    ran = min(spec.runs, spec.jobs)
    last = [number for number in range(ran) if number // estate.width == (ran - 1) // estate.width]
    middle = [number for number in range(ran) if number // estate.width == estate.levels // 2 - 1]
    client = server.client()
    nodes: list[float] = []

    def times(numbers: Sequence[int], kind: str, suffix: str = "") -> list[float]:
        taken = []
        for turn in range(questions):
            number = numbers[turn * len(numbers) // questions % len(numbers)]
            name = estate.writes(number)
            ref = f"{kind}:[{spec.namespace}]{name}{suffix}"
            began = time.perf_counter()
            found = client.json("/api/v1/trace", ref=ref, direction="up")
            taken.append(time.perf_counter() - began)
            if not found["complete"]:
                raise SystemExit(f"the trace of {ref} is not complete: {found['reasons']}")
            if kind == "dataset":
                expected = len(estate.upstream(number)) + 1
                if len(found["nodes"]) != expected:
                    raise SystemExit(f"{ref}: {len(found['nodes'])} nodes, not {expected}")
                if numbers is last:
                    nodes.append(expected)
        return taken

    times(last[:1], "dataset")  # warms connections and caches
    nodes.clear()
    deep = times(last, "dataset")
    figures = {
        "trace from the last level p50": _quantile(deep, 0.50) * 1e3,
        "trace from the last level p95": _quantile(deep, 0.95) * 1e3,
        "nodes": statistics.median(nodes),
        "column trace p50": _quantile(times(last, "column", "#column_00"), 0.5) * 1e3,
    }
    if middle:
        figures["trace from the middle p50"] = _quantile(times(middle, "dataset"), 0.5) * 1e3
    client.close()
    return figures


def _quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def table(rounds: Sequence[Figures]) -> str:
    """The figures as a Markdown table: median, least and greatest of the rounds."""
    lines = ["| figure | median | range | unit |", "|---|---:|---:|---|"]
    for name, unit in _UNITS.items():
        values = [figures[name] for figures in rounds if name in figures]
        if values:
            low, middle, high = (
                _number(value) for value in (min(values), statistics.median(values), max(values))
            )
            lines.append(f"| {name} | {middle} | {low} to {high} | {unit} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {python}"


def _page(
    results: Mapping[str, str], spec: LoadSpec, options: argparse.Namespace, busy: float
) -> str:
    command = "make bench" + (
        f" ARGS={shlex.quote(' '.join(sys.argv[1:]))}" if sys.argv[1:] else ""
    )
    load = (
        f"Load: {spec.runs} runs of {spec.jobs} jobs on {spec.levels} levels, fan-in"
        f" {spec.fan_in}, {spec.columns} columns with column lineage, START and COMPLETE;"
        f" {options.senders} senders beside the server on the same cores; {options.rounds} rounds,"
        f" each with a fresh workspace. Load average of the machine before the start: {busy:.1f}."
    )
    parts = [
        "# Benchmarks",
        "Written by `tests/bench/bench.py`; run it yourself with `make bench`.",
        f"Machine: {_machine()} · date: {datetime.now(UTC):%Y-%m-%d} · command: `{command}`",
        load,
    ]
    for title, text in results.items():
        parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Measure, print, and write the page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    spec = replace(LoadSpec(), runs=options.runs, jobs=options.jobs)
    graphs: dict[str, Mapping[str, str]] = {"Without Neo4j (the default)": {}}
    if url := os.environ.get("TRACEHOLD_TEST_NEO4J_URL"):
        graphs["With Neo4j"] = {
            "TRACEHOLD_GRAPH_URL": url,
            "TRACEHOLD_GRAPH_USER": os.environ.get("TRACEHOLD_TEST_NEO4J_USER", "neo4j"),
            "TRACEHOLD_GRAPH_PASSWORD": os.environ["TRACEHOLD_TEST_NEO4J_PASSWORD"],
        }
    busy = os.getloadavg()[0]
    results = {}
    for title, graph in graphs.items():
        print(f"{title}: {_machine()}", flush=True)
        rounds = [
            measure(spec, senders=options.senders, questions=options.questions, graph=graph)
            for _ in range(options.rounds)
        ]
        results[title] = table(rounds)
        print(results[title], flush=True)
    if options.write:
        PAGE.write_text(_page(results, spec, options, busy), "utf-8")
        print(f"written: {PAGE.name}")


if __name__ == "__main__":
    main()
