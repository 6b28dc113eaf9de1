"""What one run of a warehouse moved, gathered from rows that each say a little of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from lineage.facts import Json
from tracehold.imports.events import Column, Writer
from tracehold.imports.naming import Name

__all__ = ["Flow"]


@dataclass(slots=True)
class Flow:
    """Tables read and written by one run, and which came from which.

    Attributes:
        where: Where the first row of it stands.
        first: Earliest moment, epoch milliseconds.
        last: Latest moment.
        reads: Everything read.
        writes: Everything written → the tables that it comes from.
        columns: Everything written → per column what it comes from.
    """

    where: str
    first: int
    last: int
    reads: set[Name] = field(default_factory=set)
    writes: dict[Name, set[Name]] = field(default_factory=dict)
    columns: dict[Name, dict[str, set[Column]]] = field(default_factory=dict)

    def moved(self, source: Name | None, target: Name | None) -> None:
        """One table flowed into another; either may be unknown."""
        if source is not None:
            self.reads.add(source)
        if target is not None:
            sources = self.writes.setdefault(target, set())
            if source is not None:
                sources.add(source)

    def column(self, source: Column, target: Column) -> None:
        """One column flowed into another."""
        self.moved(source[0], target[0])
        fields = self.columns.setdefault(target[0], {})
        fields.setdefault(target[1], set()).add(source)

    def at(self, moment: int) -> None:
        """A moment at which it ran."""
        self.first, self.last = min(self.first, moment), max(self.last, moment)

    def inputs(self, writer: Writer) -> list[dict[str, Json]]:
        """What it read, as inputs of an event."""
        return [writer.named(name) for name in sorted(self.reads)]

    def outputs(self, writer: Writer) -> list[dict[str, Json]]:
        """What it wrote, each with exactly what it comes from."""
        made = []
        for name in sorted(self.writes):
            columns = self.columns.get(name, {})
            sources = self.writes[name]
            if columns:
                # Whose columns are not in it only decided about the rows.
                inside = {source for found in columns.values() for source, _ in found}
                facets = writer.lineage(inside, columns, sources - inside)
            else:
                facets = writer.lineage(sources)
            made.append(writer.named(name, facets if sources or columns else {}))
        return made

    def signature(self) -> list[Json]:
        """What stays the same from run to run, to name a job that has no name."""
        return [
            [name, sorted(self.writes[name]), sorted(self.columns.get(name, {}))]
            for name in sorted(self.writes)
        ]
