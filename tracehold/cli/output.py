"""What commands print: text for people on a terminal, or one JSON object for programs.

Everything that came from outside passes through ``clean``: a name can hold escape sequences.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from lineage.clock import format_millis
from lineage.errors import TraceholdError
from lineage.facts import Json
from lineage.trace.names import clean
from lineage.trace.tree import short

_YEAR_2001: Final = 1_000_000_000_000

__all__ = ["emit", "error_lines", "fields", "note", "progress", "say", "table"]


def emit(answer: Json, *, as_json: bool, text: Callable[[], None]) -> None:
    """Print an answer, the one way or the other."""
    if as_json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, default=str) + "\n")
    else:
        text()
    sys.stdout.flush()


def say(line: str = "") -> None:
    """Print a line of an answer."""
    sys.stdout.write(clean(line) + "\n")


def note(line: str) -> None:
    """Print a line beside the answer, on standard error."""
    sys.stderr.write(clean(line) + "\n")
    sys.stderr.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[Json]], *, empty: str = "none") -> None:
    """Print rows under headings; what is too wide is folded, never cut."""
    listed = [[clean(short(cell)) for cell in row] for row in rows]
    if not listed:
        say(empty)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in listed:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(drawn)


def fields(values: Mapping[str, Json]) -> None:
    """Print names and values, one per line. A name may end in ``[SLOT]``, printed as it is."""
    shown = {_label(name): short(_dated(name, value)) for name, value in values.items()}
    shown = {name: value for name, value in shown.items() if value}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        say(f"{name:<{width}}  {value}")


def _label(name: str) -> str:
    what, bracket, slot = name.partition(" [")
    return what.replace("_", " ") + bracket + slot


def _dated(name: str, value: Json) -> Json:
    """Moments as people write them, where a program counts milliseconds."""
    if isinstance(value, Mapping):
        return {part: _dated(part, item) for part, item in value.items()}
    moment = name in ("at", "expires") or name.endswith("_at")
    return format_millis(value) if moment and type(value) is int and value > _YEAR_2001 else value


def error_lines(error: TraceholdError) -> str:
    """The three lines of an error: what, where, what to do."""
    lines = [f"error: {error.what}"]
    if error.where:
        lines.append(f"where: {error.where}")
    if error.advice:
        lines.append(f"do:    {error.advice}")
    return "\n".join(clean(line) for line in lines)


class Counter(Protocol):
    """Takes how much is done, and of how much where that is known."""

    def __call__(self, done: int, total: int | None = None, /) -> None: ...


@contextmanager
def progress(text: str) -> Iterator[Counter]:
    """A count on standard error while something long goes on; silent where nobody looks.

    It becomes a bar as soon as it is told of how much.
    """
    if not sys.stderr.isatty():
        yield lambda _, __=None, /: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total=None, /: bar.update(task, completed=done, total=total)
