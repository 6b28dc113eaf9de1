"""Many producers at once, and one very large event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread

from load import LoadSpec, events, large_event
from rig import Options, Row, Scenario, folder, ratios
from running_server import RunningServer, make_workspace, serving
from sending import Sent, positions, send, wait_for

__all__ = ["SCENARIOS"]

_PRODUCERS = 16
_PAIRS = 12
_LARGE_BYTES = 25_000_000
_LOOK_SECONDS = 0.01


def _producers(options: Options) -> list[Row]:
    """Runs of the same jobs and tables each time, so that every producer touches what all touch."""
    runs = options.sized(200, 20)
    loads = _loads(LoadSpec(jobs=options.sized(50, 5), runs=runs))
    alone, together = [], []
    with folder() as home, serving(make_workspace(home / "workspace")) as server:
        _settled(server, next(loads), senders=_PRODUCERS)
        for pair in range(options.sized(_PAIRS, 2)):
            # Who is first changes: what a growing journal costs must fall on both.
            for senders in (1, _PRODUCERS) if pair % 2 else (_PRODUCERS, 1):
                sent = _settled(server, next(loads), senders=senders)
                (alone if senders == 1 else together).append(sent)
    return [
        Row("one producer", [sent.rate for sent in alone], "events/s answered 201"),
        Row(f"{_PRODUCERS} producers", [s.rate for s in together], "events/s answered 201"),
        Row(
            "together, by one alone",
            ratios([sent.rate for sent in together], [sent.rate for sent in alone]),
            f"ratio of rates, {len(alone)} interleaved pairs", "≥ 0.9",
        ),
        Row("p99, one producer", [sent.wait_ms(0.99) for sent in alone], "ms"),
        Row(f"p99, {_PRODUCERS} producers", [sent.wait_ms(0.99) for sent in together], "ms"),
    ]  # fmt: skip


def _loads(spec: LoadSpec) -> Iterator[list[bytes]]:
    """The same jobs, with runs of their own each time."""
    rounds = replace(spec, runs=spec.runs * 1_000)
    every = events(rounds)
    while True:
        yield [next(every) for _ in range(2 * spec.runs)]


def _settled(server: RunningServer, bodies: list[bytes], *, senders: int) -> Sent:
    """Send, and let the fold come to rest."""
    client = server.client()
    goal = positions(client)["journal"] + len(bodies)
    client.close()
    sent = send(server, bodies, senders=senders)
    wait_for(server, "state", goal)
    return sent


def _large(options: Options) -> list[Row]:
    seconds, peaks, cpu = [], [], []
    for _ in range(options.rounds):
        with folder() as home, serving(make_workspace(home / "workspace")) as server:
            body = large_event(options.sized(_LARGE_BYTES, 1_000_000))
            with _peak(server) as peak:
                sent = _settled(server, [body], senders=1)
            seconds.append(sent.seconds)
            cpu.append(sent.cpu)
            peaks.append(max(peak) / 1e6)
    return [
        Row("until 201", seconds, "s", "≤ 2"),
        Row("server CPU until 201", cpu, "s"),
        Row("peak resident, folded too", peaks, "MB", "≤ 300"),
    ]


@contextmanager
def _peak(server: RunningServer) -> Iterator[list[int]]:
    """What the server's processes took together, many times a second, until the block ends."""
    end = Event()
    seen: list[int] = []

    def look() -> None:
        while not end.wait(_LOOK_SECONDS):
            seen.append(server.resident_bytes())

    looking = Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        end.set()
        looking.join()


SCENARIOS = (
    Scenario(
        "producers", f"{_PRODUCERS} producers on one namespace, and one alone", _producers,
        note="With the fold beside it; each load begins when the one before is folded. A refused"
        " event ends the measurement.",
    ),
    Scenario(
        "large", "One event of 25 MB", _large,
        note="A Spark event with a plan that wide, sent whole; the peak is that of the process from"
        " its start until the event is in the state.",
    ),
)  # fmt: skip
