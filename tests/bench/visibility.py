"""From a request to the state that questions are asked of, with fold and accept side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from load import LoadSpec, events
from neo4j_service import forget_workspace
from rig import Options, Row, Scenario, folder, size_of
from running_server import RunningServer, make_workspace, serving
from sending import Sent, positions, send, wait_for

__all__ = ["SCENARIOS"]

_SAMPLE_SECONDS = 0.5


@dataclass
class _Watch:
    """What was seen of a server while it worked."""

    resident: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)

    @contextmanager
    def of(self, server: RunningServer) -> Iterator[None]:
        """Look at a server now and then, for the length of a block."""
        end = Event()
        watching = Thread(target=self._run, args=(server, end))
        watching.start()
        try:
            yield
        finally:
            end.set()
            watching.join()
            self.resident.append(server.resident_bytes() / 1e6)

    def _run(self, server: RunningServer, end: Event) -> None:
        with closing(server.client()) as client:
            while not end.wait(_SAMPLE_SECONDS):
                at = positions(client)
                self.lag.append(at["journal"] - at["state"])
                self.resident.append(server.resident_bytes() / 1e6)


@dataclass(frozen=True)
class _Round:
    sent: Sent
    visible: float
    mirrored: float
    cpu: float
    working: float
    resting: float
    drained: float
    watch: _Watch

    @property
    def rate(self) -> float:
        return self.sent.events / self.visible


def _measure(options: Options, spec: LoadSpec, graph: Mapping[str, str]) -> _Round:
    bodies = list(events(spec))
    if graph:
        forget_workspace(empty=True)
    with folder() as home:
        workspace = make_workspace(home / "workspace")
        with serving(workspace, environment=graph) as server:
            with closing(server.client()) as client:
                goal = positions(client)["journal"] + len(bodies)
            watch = _Watch()
            with watch.of(server):
                cpu, began = server.cpu_seconds(), time.perf_counter()
                sent = send(server, bodies, senders=options.senders)
                wait_for(server, "state", goal)
                visible = mirrored = time.perf_counter() - began
                cpu = server.cpu_seconds() - cpu
                if graph:
                    wait_for(server, "mirror", goal)
                    mirrored = time.perf_counter() - began
            working = size_of(workspace / ".tracehold")
        resting = size_of(workspace / ".tracehold")
    count = len(bodies)
    return _Round(
        sent, visible, mirrored, cpu / count * 1e3, working / 1e3 / count, resting / 1e3 / count,
        visible - sent.seconds, watch,
    )  # fmt: skip


def _rows(rounds: list[_Round], wanted: str) -> list[Row]:
    return [
        Row("visible", [r.rate for r in rounds], "events/s until in the SQL state", wanted),
        Row("accepted meanwhile", [r.sent.rate for r in rounds], "events/s answered 201"),
        Row("server CPU", [r.cpu for r in rounds], "ms per event, until visible"),
        Row("p50", [r.sent.wait_ms(0.50) for r in rounds], "ms to the 201"),
        Row("p99", [r.sent.wait_ms(0.99) for r in rounds], "ms to the 201"),
        Row("lag drained after", [r.drained for r in rounds], "s after the last 201"),
        Row("resident", [r.watch.resident[-1] for r in rounds], "MB after the load"),
        Row("on disk, server running", [r.working for r in rounds], "kB per event, WAL included"),
        Row("on disk, server stopped", [r.resting for r in rounds], "kB per event"),
    ]


def _repeated(options: Options) -> LoadSpec:
    """90 of 100 events show a shape that was seen before."""
    jobs = options.sized(1_000, 10)
    return LoadSpec(jobs=jobs, runs=5 * jobs)


def _new(options: Options) -> LoadSpec:
    """Every run is the first of its job."""
    jobs = options.sized(10_000, 30)
    return LoadSpec(jobs=jobs, runs=jobs)


def _visible_repeated(options: Options) -> list[Row]:
    spec = _repeated(options)
    return _rows([_measure(options, spec, {}) for _ in range(options.rounds)], "≥ 800")


def _visible_new(options: Options) -> list[Row]:
    return _rows([_measure(options, _new(options), {})], "≥ 250")


def _sustained(options: Options) -> list[Row]:
    jobs = options.sized(1_000, 10)
    done = _measure(options, LoadSpec(jobs=jobs, runs=10 * jobs), {})
    resident = done.watch.resident
    middle = resident[len(resident) // 2]
    return [
        Row("events", [done.sent.events], "sent"),
        *_rows([done], "≥ 800"),
        Row("greatest lag", [max(done.watch.lag, default=0)], "events"),
        Row("resident, half way", [middle], "MB"),
        Row("resident, at the end", [resident[-1]], "MB", "flat"),
    ]


def _mirrored(options: Options, spec: LoadSpec, wanted: str, rounds: int) -> list[Row]:
    done = [_measure(options, spec, options.graph) for _ in range(rounds)]
    rates = [r.sent.events / r.mirrored for r in done]
    return [Row("mirrored", rates, "events/s until in Neo4j", wanted), *_rows(done, "")]


def _mirrored_repeated(options: Options) -> list[Row]:
    return _mirrored(options, _repeated(options), "≥ 300", options.rounds)


def _mirrored_new(options: Options) -> list[Row]:
    jobs = options.sized(2_000, 30)
    return _mirrored(options, LoadSpec(jobs=jobs, runs=jobs), "≥ 120", options.rounds)


_NOTE = (
    "As fast as the server accepts, with the fold beside it; visible is what questions see. The CPU"
    " is that of accept and fold together."
)

SCENARIOS = (
    Scenario("visible-repeated", "Visible: 1,000 jobs, 90 % unchanged", _visible_repeated,
             note=_NOTE),
    Scenario("visible-new", "Visible: every shape new (10,000 jobs, one run each)", _visible_new),
    Scenario("sustained", "Sustained: 20,000 events of 1,000 jobs", _sustained),
    Scenario("mirrored-repeated", "Mirrored: 1,000 jobs, 90 % unchanged", _mirrored_repeated,
             neo4j=True),
    Scenario("mirrored-new", "Mirrored: every shape new", _mirrored_new, neo4j=True),
)  # fmt: skip
