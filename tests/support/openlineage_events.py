"""OpenLineage events and facts for tests."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from quick_states import memory_state

from lineage.clock import format_millis
from lineage.facts import Draft, Fact
from lineage.identity import Identity
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from lineage.refs import ColumnRef, DatasetRef, JobRef
from lineage.state.advance import Folder
from lineage.state.registry import Registry
from lineage.state.store import SqlState, open_state

NS = "warehouse"
PRODUCER = "https://example.org/tests"
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
IDENTITY = Identity(b"a secret of at least thirty-two bytes")
T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""

SCRUBBER = LexicalScrubber()


def at(minutes: float) -> int:
    """Epoch milliseconds some minutes after ``T0``."""
    return T0 + round(minutes * 60_000)


def facet(schema_name: str, /, **members: Any) -> dict[str, Any]:
    """A facet with producer and schema."""
    schema = f"https://openlineage.io/spec/facets/1-0-0/{schema_name}.json"
    return {"_producer": PRODUCER, "_schemaURL": schema, **members}


def dataset(
    name: str,
    *,
    columns: Sequence[str] = (),
    lineage: dict[str, Sequence[str]] | None = None,
    change: str = "",
    mode: str = "",
    **facets: Any,
) -> dict[str, Any]:
    """A dataset; ``lineage`` maps a column to sources written ``table.column``."""
    found: dict[str, Any] = dict(facets)
    if columns:
        fields = [{"name": c, "type": "TEXT"} for c in columns]
        found["schema"] = facet("SchemaDatasetFacet", fields=fields)
    if lineage is not None:
        found["columnLineage"] = facet(
            "ColumnLineageDatasetFacet",
            fields={
                own: {
                    "inputFields": [
                        {
                            "namespace": NS,
                            "name": source.rpartition(".")[0],
                            "field": source.rpartition(".")[2],
                        }
                        for source in sources
                    ]
                }
                for own, sources in lineage.items()
            },
        )
    if change:
        found["lifecycleStateChange"] = facet(
            "LifecycleStateChangeDatasetFacet", lifecycleStateChange=change
        )
    if mode:
        found["tracehold_terms"] = facet("Terms", write_mode=mode)
    return {"namespace": NS, "name": name, "facets": found}


def run_event(
    kind: str,
    minutes: float,
    *,
    job: str = "job",
    run: str = "run-1",
    inputs: Iterable[dict[str, Any] | str] = (),
    outputs: Iterable[dict[str, Any] | str] = (),
    **extra: Any,
) -> dict[str, Any]:
    """A RunEvent; a dataset may be given by its name."""
    return {
        "eventType": kind,
        "eventTime": format_millis(at(minutes)),
        "producer": PRODUCER,
        "schemaURL": SPEC,
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, run)), "facets": {}},
        "job": {"namespace": NS, "name": job, "facets": {}},
        "inputs": [dataset(d) if isinstance(d, str) else d for d in inputs],
        "outputs": [dataset(d) if isinstance(d, str) else d for d in outputs],
        **extra,
    }


def job_event(minutes: float, *, job: str = "job", **members: Any) -> dict[str, Any]:
    """A JobEvent."""
    event = run_event("OTHER", minutes, job=job, **members)
    del event["run"], event["eventType"]
    return event


def dataset_event(minutes: float, subject: dict[str, Any]) -> dict[str, Any]:
    """A DatasetEvent."""
    return {
        "eventTime": format_millis(at(minutes)),
        "producer": PRODUCER,
        "schemaURL": SPEC.replace("RunEvent", "DatasetEvent"),
        "dataset": subject,
    }


def draft(event: dict[str, Any] | bytes, actor: str = "producer-1") -> Draft:
    """The draft that the server makes of an event."""
    raw = event if isinstance(event, bytes) else msgspec.json.encode(event)
    return receive(raw, actor=actor, scrubber=SCRUBBER, max_bytes=32 * 1024 * 1024)


def facts_of(events: Iterable[dict[str, Any] | bytes], first: int = 1) -> list[Fact]:
    """Facts as a journal would hand them out."""
    facts = []
    for position, event in enumerate(events, first):
        made = draft(event)
        facts.append(
            Fact(
                position, f"fact-{position:06d}", made.kind, made.actor, None,
                made.valid_time, at(0) + position, made.body,
            )
        )  # fmt: skip
    return facts


class ListedJournal:
    """Hands out facts from a list; only ``read`` of the journal port."""

    def __init__(self, facts: Sequence[Fact] = ()) -> None:
        self.facts = list(facts)

    def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
        return self.facts[after : after + limit]


_numbers = itertools.count()
_PLAIN = Registry()


class World:
    """A state with a folder, for tests that ask what the state answers; in memory without one."""

    def __init__(self, folder: Path | None = None, registry: Registry | None = None) -> None:
        self.registry = registry or _PLAIN
        self.journal = ListedJournal()
        if folder is None:
            self.state: SqlState = memory_state()
        else:
            self.state = open_state(folder / f"state-{next(_numbers)}.db")
        self.path = self.state.path
        self.folder = Folder(self.journal, self.state, self.registry, IDENTITY)  # type: ignore[arg-type]

    def send(self, *events: dict[str, Any] | bytes, batch: int = 1000) -> World:
        """Receive and fold events, in this order."""
        self.journal.facts.extend(facts_of(events, len(self.journal.facts) + 1))
        self.folder.catch_up(batch)
        return self

    def close(self) -> None:
        self.state.close()

    def edges(self, kind: str = "FEEDS") -> dict[tuple[str, str], Any]:
        """Edges of a type by the names of their ends (``table.column`` for columns)."""
        graph = self.state.graph
        names = {}
        for node in graph.all_nodes():
            name = str(node.props["name"])
            names[node.key] = f"{name}.{node.props['field']}" if node.label == "Column" else name
        return {(names[e.src], names[e.dst]): e for e in graph.all_edges() if e.type == kind}

    def standing(self, view: str, minutes: float, kind: str = "FEEDS") -> set[tuple[str, str]]:
        """Edges that stand at a moment in a view."""
        return {ends for ends, edge in self.edges(kind).items() if edge.holds_at(view, at(minutes))}


def table(name: str) -> str:
    """Key of a dataset."""
    return DatasetRef(NS, name).key(IDENTITY)


def column(name: str, field: str) -> str:
    """Key of a column."""
    return ColumnRef(NS, name, field).key(IDENTITY)


def job_key(name: str) -> str:
    """Key of a job."""
    return JobRef(NS, name).key(IDENTITY)
