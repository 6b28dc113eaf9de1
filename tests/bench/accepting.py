"""Durable accept: from the first byte of a request to a 201 whose event survives a power cut."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from floor import Floor
from load import LoadSpec, events
from rig import Options, Row, Scenario, folder, ratios
from running_server import RunningServer, make_workspace, serving
from sending import Sent, send

__all__ = ["SCENARIOS"]

_PAIRS = 30


def _load(options: Options, namespace: str) -> list[bytes]:
    runs = options.sized(2_500, 50)
    spec = LoadSpec(jobs=options.sized(250, 20), runs=runs, namespace=namespace)
    return list(events(spec))


def _accept(options: Options) -> list[Row]:
    """The fold waits meanwhile: visible events are measured on their own."""
    full, half = _rounds(options, "--no-fold")
    bare, bare_half = _rounds(options, "--no-fold", "--no-scrub")
    floor, paired = _pairs(options)
    return [
        *_rows("scrubbed", full, half, rate="≥ 1,000", cpu="≤ 0.6"),
        *_rows("not scrubbed", bare, bare_half, rate="≥ 2,000"),
        Row("floor: append and sync alone", floor, "events/s, same bytes, same threads"),
        Row("scrubbed, by floor", paired, f"ratio of rates, {len(paired)} interleaved pairs"),
    ]


def _rows(
    what: str, full: Sequence[Sent], half: Sequence[Sent], *, rate: str, cpu: str = ""
) -> list[Row]:
    return [
        Row(what, [sent.rate for sent in full], "events/s answered 201", rate),
        Row(f"{what}, server CPU", [sent.cpu_ms for sent in full], "ms per event", cpu),
        Row(f"{what}, p50", [sent.wait_ms(0.50) for sent in full], "ms at full rate"),
        Row(f"{what}, p99", [sent.wait_ms(0.99) for sent in full], "ms at full rate"),
        Row(f"{what}, p99 at half rate", [s.wait_ms(0.99) for s in half], "ms", "≤ 100"),
        Row(f"{what}, server CPU at half rate", [s.cpu_ms for s in half], "ms per event"),
    ]


def _rounds(options: Options, *changes: str) -> tuple[list[Sent], list[Sent]]:
    full, half = [], []
    for _ in range(options.rounds):
        with folder() as home, _server(home, *changes) as server:
            send(server, _load(options, "warm")[:200], senders=options.senders)
            full.append(send(server, _load(options, "full"), senders=options.senders))
            bodies = _load(options, "half")
            half.append(send(server, bodies, senders=options.senders, rate=full[-1].rate / 2))
    return full, half


def _pairs(options: Options) -> tuple[list[float], list[float]]:
    pairs = options.sized(_PAIRS, 2)
    ours, theirs = [], []
    bodies = _load(options, "pairs")
    size = len(bodies) // pairs
    with folder() as home, _server(home, "--no-fold") as server:
        floor = Floor(home / "floor")
        for first in range(0, size * pairs, size):
            some = bodies[first : first + size]
            ours.append(send(server, some, senders=options.senders).rate)
            theirs.append(floor.rate(some, senders=options.senders))
        floor.close()
    return theirs, ratios(ours, theirs)


def _server(home: Path, *changes: str) -> AbstractContextManager[RunningServer]:
    return serving(
        make_workspace(home / "workspace"),
        command=("-m", "bench_server", *changes),
        environment={"PYTHONPATH": str(Path(__file__).parent)},
    )


_NOTE = (
    "From the first byte of a request to its 201, which says that the event survives a power cut."
    " The fold stands still: visible events are measured below. *Not scrubbed* exchanges the"
    " scrubber in the composition root and is no setting: a workspace that must keep text has it in"
    " the raw part. Half rate is half of what was measured before it; an event that could not be"
    " sent when it was due waits from then on."
)

SCENARIOS = (Scenario("accept", "Durable accept, without the fold", _accept, note=_NOTE),)
