"""How the demo talks: chapters with what was done, what came of it, and how long it took."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from lineage.facts import Json
from lineage.trace.names import clean

__all__ = ["Chapter", "Narrator"]


@dataclass(slots=True)
class Chapter:
    """One part of the story.

    Attributes:
        title: What it is about.
        result: What came of it, in a few words, for the summary.
        seconds: How long it took.
    """

    title: str
    result: str = ""
    seconds: float = 0.0


@dataclass(slots=True)
class Narrator:
    """Tells the story on standard output; with ``--json`` on standard error, beside the answer.

    Attributes:
        as_json: One JSON object at the end, alone on standard output.
        chapters: Those told so far.
        figures: Results for programs.
    """

    as_json: bool
    chapters: list[Chapter] = field(default_factory=list)
    figures: dict[str, Json] = field(default_factory=dict)

    @contextmanager
    def chapter(self, title: str) -> Iterator[Chapter]:
        """Tell one part; it is timed."""
        told = Chapter(title)
        self._print(f"\n[bold cyan]{len(self.chapters) + 1:>2}  {title}[/]")
        started = time.monotonic()
        try:
            yield told
        finally:
            told.seconds = time.monotonic() - started
            self.chapters.append(told)

    def command(self, words: Sequence[str]) -> None:
        """Show the command that does what follows."""
        self._print("    [dim]$[/] [green]" + _escaped("tracehold " + " ".join(words)) + "[/]")

    def say(self, text: str) -> None:
        """Say one line."""
        self._print("    " + _escaped(text))

    def good(self, text: str) -> None:
        """Say what went as it should."""
        self._print(f"    [green]✓[/] {_escaped(text)}")

    def refused(self, text: str) -> None:
        """Say what was refused, as it should be."""
        self._print(f"    [red]✗[/] {_escaped(text)}")

    def path(self, references: Sequence[str]) -> None:
        """Show a path from a source to a model."""
        for depth, reference in enumerate(references):
            self._print(
                f"      [yellow]{'  ' * depth}{'└─ ' if depth else ''}{_escaped(reference)}[/]"
            )

    def summary(self, next_commands: Sequence[tuple[str, str]]) -> None:
        """Show what happened, how long it took, and what to try next."""
        if self.as_json:
            self.figures["chapters"] = [
                {"title": one.title, "result": one.result, "seconds": round(one.seconds, 2)}
                for one in self.chapters
            ]
            sys.stdout.write(json.dumps(self.figures, ensure_ascii=False) + "\n")
            sys.stdout.flush()
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, title="What happened", title_justify="left")
        for name in ("", "chapter", "result"):
            table.add_column(name, overflow="fold")
        table.add_column("seconds", justify="right")
        for number, one in enumerate(self.chapters, 1):
            seconds = f"{one.seconds:.1f}"
            table.add_row(str(number), Text(one.title), Text(clean(one.result)), seconds)
        total = sum(one.seconds for one in self.chapters)
        table.add_row("", "", Text("all together"), f"{total:.1f}", style="bold")
        console = Console(highlight=False)
        console.print()
        console.print(table)
        console.print("[bold]Try next[/]")
        for command, why in next_commands:
            console.print(f"    [green]{_escaped(command)}[/]\n        [dim]{_escaped(why)}[/]")

    def _print(self, markup: str) -> None:
        from rich.console import Console

        Console(highlight=False, soft_wrap=True, stderr=self.as_json).print(markup)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(clean(text))
