"""One long history, and everything that its state says: kept per fold version.

``PYTHONPATH=.:tests/support python tests/support/golden_state.py`` writes the file of a new fold
version, or of one that was never released.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
from histories import REGISTRY, Held, Said
from openlineage_events import (
    IDENTITY,
    NS,
    ListedJournal,
    at,
    dataset,
    dataset_event,
    facet,
    facts_of,
    job_event,
    run_event,
)

from lineage.facts import Fact
from lineage.journal.erasure import ERASED, PartErased
from lineage.state.advance import Folder
from lineage.state.registry import FOLD_VERSION
from lineage.state.store import SqlState, open_state

__all__ = ["FILE", "history", "says"]

FILE: Final = Path(__file__).resolve().parents[1] / "golden" / "state" / f"fold-{FOLD_VERSION}.json"
_TABLES: Final = ("raw", "clean", "wide", "report", "scores")
_JOBS: Final = ("load", "join", "train")
_EVENTS: Final = 140


def _columns(draw: random.Random, name: str) -> tuple[str, ...]:
    return draw.choice([(), ("id",), ("id", "mail"), ("mail", "id"), ("id", f"{name}_x")])


def _written(draw: random.Random, name: str, read: Sequence[str]) -> dict[str, Any]:
    sources = [f"{draw.choice(read)}.{draw.choice(('id', 'mail'))}"] if read else []
    lineage = {"id": sources} if sources and draw.random() < 0.4 else None
    more: dict[str, Any] = {}
    if draw.random() < 0.3:
        version = f"v{draw.randint(1, 4)}"
        more["version"] = facet("DatasetVersionDatasetFacet", datasetVersion=version)
    if draw.random() < 0.2:
        deleted = {"_deleted": True} if draw.random() < 0.3 else {}
        team = f"team:{draw.choice('ab')}"
        more["ownership"] = facet("OwnershipDatasetFacet", owners=[{"name": team}], **deleted)
    if draw.random() < 0.15:
        named = [{"namespace": NS, "name": f"path/{name}", "type": "LOCATION"}]
        more["symlinks"] = facet("SymlinksDatasetFacet", identifiers=named)
    explicit: dict[str, Any] = {}
    if draw.random() < 0.1 and read:
        inputs = [{"namespace": NS, "name": one, "type": "DATASET"} for one in read[:1]]
        explicit = {"lineage": facet("LineageDatasetFacet", inputs=inputs)}
    made = dataset(
        name, columns=_columns(draw, name), lineage=lineage,
        change=draw.choice(["", "", "", "", "OVERWRITE", "TRUNCATE", "CREATE", "DROP"]),
        mode=draw.choice(["", "", "append", "overwrite"]), **more,
    )  # fmt: skip
    made["facets"] |= explicit
    if draw.random() < 0.2:
        rows = draw.randint(0, 9)
        made["outputFacets"] = {"outputStatistics": facet("OutputStatistics", rowCount=rows)}
    return made


def _event(draw: random.Random) -> dict[str, Any]:
    moment = draw.randint(0, 60)
    if draw.random() < 0.06:
        return dataset_event(moment, _written(draw, draw.choice(_TABLES), []))
    job = draw.choice(_JOBS)
    read = draw.sample(_TABLES, draw.randint(0, 2))
    written = draw.sample(_TABLES, draw.choice([0, 1, 1, 2]))
    inputs = [dataset(name, columns=_columns(draw, name)) for name in read]
    outputs = [_written(draw, name, read) for name in written]
    if draw.random() < 0.06:
        return job_event(moment, job=job, inputs=inputs, outputs=outputs)
    kind = draw.choice(["START", "START", "RUNNING", *["COMPLETE"] * 6, "FAIL", "ABORT", "OTHER"])
    run = f"run {draw.randint(1, 30)}"
    made = run_event(kind, moment, job=job, run=run, inputs=inputs, outputs=outputs)
    if draw.random() < 0.1:
        parent = {"run": {"runId": "r"}, "job": {"namespace": NS, "name": "flow"}}
        made["run"]["facets"]["parent"] = facet("ParentRunFacet", **parent)
    if draw.random() < 0.1:
        made["run"]["facets"]["errorMessage"] = facet("ErrorMessageRunFacet", message="E: x")
    if draw.random() < 0.05:
        entry = {"namespace": NS, "name": "report", "type": "DATASET"}
        entries = [entry | {"inputs": [entry | {"name": "raw"}]}]
        made["job"]["facets"]["lineage"] = facet("LineageJobFacet", entries=entries)
    if draw.random() < 0.05:
        del made["eventTime"]
    if draw.random() < 0.05:
        made["producer"] = "nobody"
    return made


def _native(draw: random.Random, position: int) -> Fact:
    name, source = draw.choice(_TABLES), draw.choice(["manifest", "decision"])
    said: Any = draw.choice(
        [
            Said(name, "write_mode", draw.choice(["append", "overwrite", None]), source),
            Said(name, "purged", {"case": "c"}, source),
            Said(name, "terms", {"write_mode": draw.choice(["append", "overwrite"])}, source),
            Said(name, "ownership", {"owners": [{"name": "jo"}]}, source),
            Held("h1", draw.sample(_TABLES, 2)),
        ]
    )
    kind = "test.held/1" if isinstance(said, Held) else "test.said/1"
    moment = at(draw.randint(0, 60))
    body = msgspec.json.encode(said)
    return Fact(position, f"fact-{position:06d}", kind, "person", None, moment, 0, body)


def history() -> list[Fact]:
    """The facts; the same on every machine."""
    draw = random.Random("a history")
    facts = facts_of([_event(draw) for _ in range(_EVENTS)])
    facts += [_native(draw, len(facts) + number) for number in range(1, 21)]
    for number in (3, 50):
        gone = PartErased(fact=f"fact-{number:06d}", part="distilled", reason="test")
        facts[number - 1] = replace(facts[number - 1], body=None)
        position = len(facts) + 1
        body = msgspec.json.encode(gone)
        facts.append(Fact(position, f"fact-{position:06d}", ERASED, "p", None, None, 0, body))
    position = len(facts) + 1
    facts.append(Fact(position, f"fact-{position:06d}", "test.later/9", "p", None, 0, 0, b"{}"))
    return facts


def says(facts: Sequence[Fact], batch: int) -> Any:
    """Everything that the state of these facts says, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        state = open_state(Path(folder) / "state.db")
        journal: Any = ListedJournal(facts)
        Folder(journal, state, REGISTRY, IDENTITY).catch_up(batch)
        found = _said(state)
        state.close()
    return json.loads(json.dumps(found))


def _said(state: SqlState) -> Any:
    db, graph = state.connection(), state.graph
    nodes = sorted(graph.all_nodes(), key=lambda node: node.key)
    names = {node.key: f"{node.label}:{node.props.get('name')}" for node in nodes}
    names |= {
        node.key: f"Column:{node.props['name']}.{node.props['field']}"
        for node in nodes
        if node.label == "Column"
    }
    datasets = [node.key for node in nodes if node.label == "Dataset"]
    edges = sorted(graph.all_edges(), key=lambda e: (e.type, e.src, e.dst, e.owner, e.kind))
    feeding = [edge for edge in edges if edge.type == "FEEDS"]
    passages = state.passages()
    passages.prepare(feeding)
    whole = ((at(0), at(61)),)
    rows = db.execute("select entity_key, aspect from point group by 1, 2 order by 1, 2").fetchall()
    return {
        "digest": state.digest(),
        "position": state.position(),
        "nodes": [[names[node.key], dict(node.props)] for node in nodes],
        "edges": [
            [names.get(e.src, "?"), names.get(e.dst, "?"), msgspec.to_builtins(e) | _NO_KEYS]
            for e in edges
        ],
        "aspects": [
            [names.get(key, "Run"), aspect, value.slot, value.source, value.time, value.value,
             value.fact_id, value.losers]
            for key, aspect in rows
            for value in state.aspects([key], [aspect]).get(key, {}).get(aspect, ())
        ],
        "history": [
            [names.get(key, "Run"), aspect, value.slot, value.source, value.time, value.value]
            for key, aspect in rows
            for value in state.history(key, aspect)
        ],
        "runs": [
            [run.run_id, names[run.job_key], run.state, run.started, run.ended, run.contradicted,
             [names[key] for key in run.inputs], [names[key] for key in run.outputs],
             dict(run.facets)]
            for run in state.runs(limit=1000)
        ],
        "versions": [
            [names[key], row.version, row.first, row.last, row.run_key is not None]
            for key in datasets
            for row in state.versions(key)
        ],
        "columns": [
            [names[key], [column.props["field"] for column in state.columns(key)]]
            for key in datasets
        ],
        "findings": [
            [names[row.owner], row.code, row.place, row.first, row.last]
            for row in state.findings()
        ],
        "passages": [
            [names[e.src], names[e.dst], e.owner == e.kind, passages.read(e, whole),
             passages.kept(e, whole),
             [passages.replaced(e.dst, at(minute)) for minute in (0, 20, 40)]]
            for e in feeding
        ],
        "mentioned": sorted(names[key] for key in state.mentioned(datasets)),
        "estate": msgspec.to_builtins(state.estate()),
        "stuck": sorted([cause, kind, position] for _, cause, kind, position in state.stuck()),
    }  # fmt: skip


_NO_KEYS: Final = {"src": "", "dst": ""}


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(says(history(), 9), ensure_ascii=False, sort_keys=True)
    # A line per entry, so that a change can be read.
    FILE.write_text(text.replace('], ["', '],\n["') + "\n", "utf-8")
    sys.stdout.write(f"{FILE}\n")
