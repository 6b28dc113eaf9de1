"""An estate of a million column edges, and what it is asked over HTTP.

The estate is made of facts, like any other: journal, fold, state. What is asked about is always
the same small estate (*core*); the variants put other estates beside it, or run its jobs more
often, and its answer must stay the same at nearly the same cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

from load import Estate, LoadSpec, events
from running_server import Client, make_workspace
from sending import timed

from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from tracehold.bootstrap import open_services
from tracehold.settings import load as load_settings

__all__ = ["CORE", "Variant", "ask", "build", "interleaved", "questions", "record"]

CORE = LoadSpec(
    jobs=1_660, levels=20, fan_in=3, reach=2, columns=20, runs=1_660, with_start=False,
    namespace="core",
)  # fmt: skip
"""The estate that is asked about: 20 levels, 99,600 column edges."""

_BATCH = 500
_LARGEST = 1 << 25


@dataclass(frozen=True)
class Variant:
    """A catalog around the core.

    Attributes:
        core: The estate that is asked about.
        runs: How often each job of the core runs.
        beside: Other estates, each of the size of the core.
    """

    core: LoadSpec = CORE
    runs: int = 1
    beside: int = 0

    def loads(self) -> Iterable[LoadSpec]:
        """What is recorded, in this order."""
        for number in range(self.beside):
            yield replace(self.core, namespace=f"beside{number:03}", seed=number + 2)
        yield replace(self.core, runs=self.core.jobs * self.runs)


def build(folder: Path, variant: Variant) -> Path:
    """A workspace that holds a variant, folded."""
    workspace = make_workspace(folder)
    record(workspace, (event for spec in variant.loads() for event in events(spec)))
    return workspace


def record(workspace: Path, stream: Iterable[bytes]) -> None:
    """Append events to a workspace's journal, as a server would, and fold them."""
    scrubber = LexicalScrubber()
    waiting = iter(stream)
    with open_services(load_settings(workspace), write=True) as services:
        while batch := list(islice(waiting, _BATCH)):
            services.journal.append(
                [
                    receive(raw, actor="bench", scrubber=scrubber, max_bytes=_LARGEST)
                    for raw in batch
                ]
            )
            services.catch_up()


def questions(core: LoadSpec, count: int) -> list[dict[str, str]]:
    """Traces of columns on the last level of the core, as of a date, all alike in size."""
    estate = Estate(core)
    last = [job for job in range(core.jobs) if job // estate.width == estate.levels - 1]
    return [
        {
            "ref": f"column:[core]{estate.writes(last[turn * 7 % len(last)])}#column_"
            f"{turn % core.columns:02d}",
            "direction": "up",
            "as_of": "2026-06-01T00:00:00Z",
        }
        for turn in range(count)
    ]


def ask(client: Client, question: Mapping[str, str], answered_by: str = "") -> tuple[float, Any]:
    """Seconds until the whole trace was received, and the trace.

    Raises:
        SystemExit: It was refused, is not complete, or another engine answered.
    """
    seconds, found = timed(client, "/api/v1/trace", **question)
    if not found["complete"] or answered_by not in ("", found["answered_by"]):
        raise SystemExit(f"{question['ref']}: {found['reasons']} by {found['answered_by']}")
    return seconds, found


def interleaved(
    few: Client, many: Client, asked: Sequence[Mapping[str, str]], answered_by: str
) -> tuple[list[float], list[float]]:
    """The seconds that the same questions take in two catalogs, in turn.

    Both have been asked all of them once before, so that neither has read more of its graph.

    Raises:
        SystemExit: The answers differ.
    """
    seconds: dict[Client, list[float]] = {few: [], many: []}
    for client, question in product((few, many), asked):
        ask(client, question, answered_by)
    for turn, question in enumerate(asked):
        answers = []
        for client in (few, many) if turn % 2 else (many, few):
            took, found = ask(client, question, answered_by)
            seconds[client].append(took)
            answers.append(sorted(node["ref"] for node in found["nodes"]))
        if answers[0] != answers[1]:
            raise SystemExit(f"the answers differ: {question['ref']}")
    return seconds[few], seconds[many]
