"""Search over a million columns, over HTTP."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import msgspec
from graph_scale import record
from openlineage_events import run_event
from rig import Options, Row, Scenario, folder, quantile, size_of
from running_server import Client, make_workspace, serving
from search_world import column_names, described, table_names
from sending import timed

from tracehold.settings import load as load_settings

__all__ = ["SCENARIOS"]

_COLUMNS = 20
_TABLES_PER_JOB = 5
_TEXTS = (
    "one row per customer and day", "snapshot taken at night", "as delivered by the supplier",
    "joined with the reference data of the region", "kept for the annual report",
)  # fmt: skip


def _estate(jobs: int) -> Iterator[bytes]:
    """Runs of jobs, each of which reads three tables of its own and writes two."""
    rng = random.Random(7)
    tables = [
        described(
            name, column_names(rng, _COLUMNS), text=rng.choice(_TEXTS),
            owner=f"team-{rng.randrange(50)}",
        )
        for name in table_names(rng, jobs * _TABLES_PER_JOB)
    ]  # fmt: skip
    for job in range(jobs):
        own = tables[job * _TABLES_PER_JOB : (job + 1) * _TABLES_PER_JOB]
        yield msgspec.json.encode(
            run_event(
                "COMPLETE", job / 10, job=f"load_{job:05d}", run=f"{job}", inputs=own[:3],
                outputs=own[3:],
            )
        )  # fmt: skip


def _queries(rng: random.Random) -> Mapping[str, Callable[[], str]]:
    """What people type, by how much of the name they remember."""

    def name() -> str:
        return column_names(rng, 1)[0]

    def slip() -> str:
        word = name()
        place = rng.randrange(1, len(word) - 2)
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]

    return {
        "a whole column": name,
        "the beginning of one": lambda: name()[: rng.randrange(3, 7)],
        "two words": lambda: " ".join(name().split("_")[:2]),
        "a word that is everywhere": lambda: rng.choice(("customer", "id", "email", "order")),
        "a misspelled column": slip,
        "a table": lambda: table_names(rng, 1)[0],
        "a text": lambda: rng.choice(_TEXTS),
        "an owner": lambda: f"team-{rng.randrange(50)}",
    }


def _search(options: Options) -> list[Row]:
    jobs = options.sized(10_000, 20)
    turns = options.sized(100, 3)
    rng = random.Random(11)
    rows = []
    with folder() as home:
        workspace = make_workspace(home / "estate")
        record(workspace, _estate(jobs))
        data = load_settings(workspace).storage.data
        with serving(workspace) as server, closing(server.client()) as client:
            began, cpu = time.perf_counter(), server.cpu_seconds()
            _await_index(client)
            made = time.perf_counter() - began
            rows.append(Row("index made", [made], "s, beside a server that answers"))
            rows.append(Row("CPU for it", [server.cpu_seconds() - cpu], "s"))
            every: list[float] = []
            cpu = server.cpu_seconds()
            for kind, query in _queries(rng).items():
                took = [timed(client, "/api/v1/find", text=query())[0] for _ in range(turns)]
                every += took
                rows.append(Row(f"{kind}, p95", [quantile(took, 0.95) * 1e3], "ms"))
            cpu = server.cpu_seconds() - cpu
            rows.append(Row("all of them, p50", [quantile(every, 0.50) * 1e3], "ms"))
            rows.append(Row("all of them, p95", [quantile(every, 0.95) * 1e3], "ms", "≤ 30"))
            rows.append(Row("server CPU", [cpu / len(every) * 1e3], "ms per answer"))
        rows.append(Row("columns", [jobs * _TABLES_PER_JOB * _COLUMNS], ""))
        rows.append(Row("index", [size_of(*data.glob("search-*")) / 1e6], "MB"))
    return rows


def _await_index(client: Client) -> None:
    until = time.monotonic() + 600
    while client.get("/api/v1/find", text="customer")[0] != 200:
        if time.monotonic() > until:
            raise SystemExit("the search index was not made")
        time.sleep(0.2)


SCENARIOS = (
    Scenario(
        "search", "Search over 1,000,000 columns of 50,000 tables", _search,
        note="What is typed differs each time; a page of 20 things with the columns that fit.",
    ),
)  # fmt: skip
