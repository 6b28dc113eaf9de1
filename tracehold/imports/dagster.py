"""Dagster over its GraphQL API: for locked deployments, and for history.

The records go through the translator of the Dagster client, so that an event from here is the same,
byte by byte, as the one that a sensor inside the deployment sends. Two things are not told there:
what was wiped, and of assets that a step can make, what was reported without one.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from lineage.errors import NotFound
from lineage.facts import Json
from tracehold.imports.dagster_graphql import Dagster, NotAnswered
from tracehold.imports.dagster_records import graphs_of, record_of, run_of
from tracehold.imports.events import Item
from tracehold.imports.report import Report
from tracehold_dagster.carried import Carried
from tracehold_dagster.environment import namespace_of
from tracehold_dagster.names import Naming
from tracehold_dagster.records import AssetGraph, Record, Run
from tracehold_dagster.sending import encode
from tracehold_dagster.translate import translate

__all__ = ["Bookmark", "Choice", "Place", "read"]

_OVERLAP: Final = 60.0
"""Seconds; what changed so shortly before the last look is asked for again."""
_NOT_BEGUN: Final = frozenset({"QUEUED", "NOT_STARTED", "MANAGED"})
_HISTORIES: Final = ("assetMaterializations", "assetObservations")


@dataclass(frozen=True, slots=True)
class Choice:
    """What is read, and how it is named.

    Attributes:
        location: Only this code location; empty for all.
        namespace: Of jobs and assets; empty for the name of the code location.
        environment: ``dev``, ``test``, ``prod`` …; empty where nobody says.
        stores: OpenLineage namespace of the tables of each kind of store.
    """

    location: str = ""
    namespace: str = ""
    environment: str = ""
    stores: Mapping[str, str] = field(default_factory=dict)

    def digest(self, url: str) -> str:
        """Twelve hexadecimal digits that stand for what is read from an address."""
        said = msgspec.json.encode([url.rstrip("/"), self], order="deterministic")
        return hashlib.sha256(said).hexdigest()[:12]


class Place(msgspec.Struct):
    """How far an import came.

    Attributes:
        since: What changed later is not known yet, epoch seconds by Dagster's clock; None for all.
        after: The last run that was handed in of a pass that did not end; empty where it ended.
        newest: When a run of that pass changed last.
    """

    since: float | None = None
    after: str = ""
    newest: float = 0.0


class Bookmark:
    """Keeps in a file how far an import came: what has been handed in, not what was read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ahead: deque[tuple[int, Place]] = deque()

    def place(self) -> Place:
        """Where to go on; the beginning where nothing that can be read was kept."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Place)
        except (OSError, msgspec.DecodeError):
            return Place()

    def reached(self, events: int, place: Place) -> None:
        """So many events were given up to a place."""
        self._ahead.append((events, place))

    def handed_in(self, events: int) -> None:
        """So many events were taken."""
        place = None
        while self._ahead and self._ahead[0][0] <= events:
            place = self._ahead.popleft()[1]
        if place is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".new")
            beside.write_bytes(msgspec.json.encode(place))
            beside.replace(self._path)


def read(
    dagster: Dagster,
    choice: Choice,
    report: Report,
    *,
    place: Place,
    reached: Callable[[int, Place], None] = lambda *_: None,
) -> Iterator[Item]:
    """The events of every run, and of what was reported outside runs.

    Args:
        dagster: The deployment.
        choice: What is read.
        report: Told what is not mapped, and which inputs no version is known of.
        place: Where to go on.
        reached: Told after each run how many events were given by then, and how far that is.

    Raises:
        NotReachable: Dagster does not answer.
        NotFound: It has no such code location.
    """
    reader = _Reader(dagster, choice, report)
    if place.after and not dagster.knows(place.after):
        # Without that run nobody knows what comes behind it; what is known is not taken twice.
        place = Place(place.since)
    given, newest = 0, place.newest
    for item in reader.outside_runs(place.since):
        given += 1
        yield item
    for run in dagster.runs(since=place.since, after=place.after or None):
        newest = max(newest, run.get("updateTime") or 0.0)
        for item in reader.run(run):
            given += 1
            yield item
        reached(given, Place(place.since, str(run.get("runId")), newest))
    reached(given, Place(newest - _OVERLAP if newest else place.since))


class _Reader:
    def __init__(self, dagster: Dagster, choice: Choice, report: Report) -> None:
        self._dagster, self._choice, self._report = dagster, choice, report
        self._graphs = graphs_of(dagster.assets())
        if choice.location and choice.location not in self._graphs:
            raise NotFound(
                "Dagster has no such code location", where=choice.location,
                advice=f"it has: {', '.join(sorted(self._graphs)) or 'none with assets'}",
            )  # fmt: skip
        only = [*self._graphs] if len(self._graphs) == 1 else [""]
        self._home = choice.location or only[0]
        """The location of what was started without one."""

    def run(self, given: Mapping[str, Json]) -> Iterator[Item]:
        run = run_of(given)
        location = run.location or self._home
        if given.get("status") in _NOT_BEGUN:
            return
        if self._choice.location and location != self._choice.location:
            return
        if not (location or self._choice.namespace):
            self._report.skip(
                "runs of no code location", "name one with --location, or a --namespace", run.run_id
            )
            return
        try:
            yield from self._log(run, location)
        except NotAnswered:
            self._report.skip(
                "logs of runs", "Dagster could not show them, or not to their end", run.run_id
            )

    def _log(self, run: Run, location: str) -> Iterator[Item]:
        carried = Carried()
        for page in self._dagster.log(run.run_id):
            found = (record_of(event, run.run_id) for event in page)
            records = [record for record in found if record is not None]
            events, carried = self._translated(run, records, carried, location)
            yield from self._items(events, f"run {run.run_id}")

    def outside_runs(self, since: float | None) -> Iterator[Item]:
        """What was reported of assets that no step makes."""
        millis = int((since or 0.0) * 1000)
        for location, graph in self._graphs.items():
            if self._choice.location not in ("", location):
                continue
            for asset in graph.assets.values():
                if asset.op is not None:
                    continue
                for kind in _HISTORIES:
                    found = [
                        record
                        for one in self._dagster.history([*asset.key], kind, since=millis)
                        if not one.get("runId") and (record := record_of(one, "")) is not None
                    ]
                    events, _ = self._translated(Run("", ""), found[::-1], Carried(), location)
                    yield from self._items(events, f"asset {'/'.join(asset.key)}")

    def _translated(
        self, run: Run, records: Iterable[Record], carried: Carried, location: str
    ) -> tuple[list[dict[str, Any]], Carried]:
        choice = self._choice
        naming = Naming(
            choice.namespace or namespace_of(location, choice.environment),
            environment=choice.environment or None,
            stores=choice.stores,
        )
        graph: AssetGraph | None = self._graphs.get(location)
        return translate(run, records, carried, graph, naming)

    def _items(self, events: Iterable[dict[str, Any]], where: str) -> Iterator[Item]:
        for event in events:
            unpinned = [
                one
                for one in event.get("inputs", ())
                if event["eventType"] == "COMPLETE" and "version" not in one["facets"]
            ]
            self._report.skip(
                "versions of inputs",
                "Dagster did not record which was read: tracehold run inputs says how it is known",
                f"{where} {unpinned[0]['name']}" if unpinned else "",
                len(unpinned),
            )
            yield Item(encode(event), where)
