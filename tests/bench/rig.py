"""What every scenario shares: its options, its figures, and the table they stand in."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

__all__ = [
    "Options",
    "Row",
    "Scenario",
    "cores",
    "folder",
    "quantile",
    "ratios",
    "size_of",
    "table",
]


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        rounds: Times that a scenario repeats itself, each with a fresh workspace.
        senders: Connections that send at once.
        small: A run that only shows that everything works.
        graph: Settings that name a Neo4j; empty without one.
    """

    rounds: int = 3
    senders: int = 32
    small: bool = False
    graph: Mapping[str, str] = field(default_factory=dict)

    def sized(self, usual: int, small: int) -> int:
        """A number of things: as measured, or as few as show that it works."""
        return small if self.small else usual


class Row(NamedTuple):
    """One figure: its values over the rounds or pairs, their unit, and the value aimed at."""

    name: str
    values: Sequence[float]
    unit: str
    wanted: str = ""


class Scenario(NamedTuple):
    """A named measurement.

    Attributes:
        name: What ``--only`` takes.
        title: Heading of its table.
        run: Measures.
        asked: Whether it runs only when it is named, because it takes long.
        neo4j: Whether it needs a Neo4j.
        note: What a reader of its table must know.
    """

    name: str
    title: str
    run: Callable[[Options], list[Row]]
    asked: bool = False
    neo4j: bool = False
    note: str = ""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for the length of a block; ``TMPDIR`` decides on which disk."""
    with TemporaryDirectory(prefix="tracehold-bench-") as name:
        yield Path(name)


def quantile(values: Iterable[float], share: float) -> float:
    """The value that a share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours by theirs, pair by pair: what slows both for a while leaves the ratio alone."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def size_of(*paths: Path) -> int:
    """Bytes of files, and of all files in folders."""
    files = (path.rglob("*") if path.is_dir() else (path,) for path in paths)
    return sum(file.stat().st_size for found in files for file in found if file.is_file())


def table(rows: Iterable[Row]) -> str:
    """The figures as a Markdown table: median, least and greatest of the values."""
    lines = ["| figure | median | range | wanted | unit |", "|---|---:|---:|---:|---|"]
    for row in rows:
        low, middle, high = (
            _number(value)
            for value in (min(row.values), statistics.median(row.values), max(row.values))
        )
        spread = f"{low} to {high}" if len(row.values) > 1 else ""
        lines.append(f"| {row.name} | {middle} | {spread} | {row.wanted} | {row.unit} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
