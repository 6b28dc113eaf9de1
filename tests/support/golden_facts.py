"""Facts of every version ever released, as they were stored, with what each leaves in the state.

``python tests/support/golden_facts.py KIND...`` writes the files of kinds that have none; a file
that is there is never written again. Samples are of the versions written today.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from openlineage_events import (
    IDENTITY,
    ListedJournal,
    dataset,
    dataset_event,
    draft,
    facet,
    job_event,
    run_event,
)

from catalog import events as catalog
from lineage.facts import Fact, FoldContext, Json, Point
from lineage.identity import Identity
from lineage.journal.erasure import ERASED, PartErased
from lineage.journal.keychain import KeyLost, KeyRotated
from lineage.openlineage.read import KIND
from lineage.state.advance import Folder
from lineage.state.native import Stuck, points_of
from lineage.state.registry import Registry
from lineage.state.store import open_state
from privacy import events as privacy
from tracehold.registry import make_registry

__all__ = ["FOLDER", "files_of", "folded", "golden", "left_by", "read_fact"]

FOLDER: Final = Path(__file__).resolve().parents[1] / "golden" / "facts"

_DATASET: Final = "dataset:[shop]orders"
_MODEL: Final = "model:churn@3"
_PLAN: Final = "5d" * 32
_AT: Final = 1_772_000_000_000

SAMPLES: Final[tuple[msgspec.Struct, ...]] = (
    PartErased(fact="0198" + "0e" * 14, part="distilled", reason="request"),
    KeyRotated(former="shop+a1+AQ==", next="shop+b2+AQ==", endorsement="a signed note\n"),
    KeyLost(former="shop+b2+AQ==", next="shop+c3+AQ=="),
    catalog.PersonAdded(person="p1", name="Ada", roles=["auditor", "engineer"]),
    catalog.PersonChanged(person="p1", name="Ada", roles=["engineer"], disabled=True),
    catalog.TokenIssued(
        token="t1", person="p1", sha256="ab" * 32, expires=_AT + 86_400_000, namespaces=["shop"]
    ),
    catalog.TokenRevoked(token="t1", person="p1", reason="lost"),
    catalog.LoginOpened(person="p1", expires=_AT + 600_000),
    catalog.GrantGiven(
        grant="g1", person="p1", namespaces=["crm"], classes=["special"], reason="incident 7",
        expires=_AT + 86_400_000,
    ),
    catalog.GrantEnded(grant="g1", person="p1", reason="solved"),
    catalog.ModelWaived(
        waiver="w1", model="churn", version="3", scope="license", reason="pilot", expires=_AT * 2
    ),
    catalog.WaiverEnded(waiver="w1", model="churn", version="3", reason="pilot over"),
    catalog.DatasetWaived(
        waiver="w2", dataset=_DATASET, scope="quality", reason="known gap", expires=_AT * 2
    ),
    catalog.DatasetWaiverEnded(waiver="w2", dataset=_DATASET, reason="gap closed"),
    catalog.LicenseConcluded(
        dataset=_DATASET, expression="CC-BY-4.0", reason="read", url="https://example.org/l"
    ),
    catalog.VerdictRecorded(ref=_MODEL, question="release", judgement={"verdict": "passes"}),
    catalog.AliasDecided(
        dataset=_DATASET, alias="dataset:[file]/data/orders", accepted=False, reason="moved"
    ),
    catalog.AliasRuled(
        rule="N-1", form="prefix", namespace="file", reason="mounted", prefix="/mnt/lake/",
        to_namespace="s3://lake", to_prefix="raw/",
    ),
    catalog.AliasRuleEnded(rule="N-1", reason="unmounted"),
    catalog.DecisionStale(
        ref=_DATASET, question="license", decision="0198" + "0d" * 14, known_at=7,
        then=["verdict allowed"], now=["verdict unknown"],
    ),
    privacy.ScanCompleted(
        dataset=_DATASET, engine="presidio/2", config_digest="c0", rows=10, version="v1",
        columns={"mail": {"tier": "confirmed", "entity": "EMAIL_ADDRESS", "score": 0.9}},
    ),
    privacy.PersonalDataRead(question="pii.exposure", ref="", until=_AT + 3_600_000),
    privacy.FilesRead(question="dataset", ref=_DATASET, until=_AT + 3_600_000, user="jo"),
    privacy.FindingReviewed(
        dataset=_DATASET, column="mail", entity="EMAIL_ADDRESS", accepted=True, reason="seen"
    ),
    privacy.RetentionAssigned(
        dataset=_DATASET, retention_class="short", reason="asked", clock_start="2026-01-01"
    ),
    privacy.HoldPlaced(hold="h1", matter="m-1", reason="suit", scope=[_DATASET, _MODEL]),
    privacy.HoldReleaseAgreed(hold="h1", reason="settled"),
    privacy.HoldReleased(hold="h1", facts=["f1", "f2"]),
    privacy.DeletionRequested(
        case="c1", targets=[_DATASET], legal_ground="art-17", reason="asked", quarantine_days=3
    ),
    privacy.DeletionPlanned(case="c1", plan_hash=_PLAN, expires=_AT * 2, plan={"items": []}),
    privacy.DeletionApproved(case="c1", plan_hash=_PLAN, expires=_AT * 2),
    privacy.ItemQuarantined(case="c1", plan_hash=_PLAN, item=0),
    privacy.ItemPurged(case="c1", plan_hash=_PLAN, item=0),
    privacy.ItemRestored(case="c1", plan_hash=_PLAN, item=1),
    privacy.DeletionVerified(
        case="c1", plan_hash=_PLAN, method="read-back/1", files_read=2, bytes_read=10
    ),
    privacy.CertificateIssued(
        case="c1", certificate="n1", note="signed", derived=[{"ref": _MODEL, "decision": "retrain"}]
    ),
    privacy.CaseBlocked(case="c1", cause="hold", detail="h1"),
    privacy.CaseCancelled(case="c1", reason="withdrawn"),
    privacy.DatasetPurged(ref=_DATASET, case="c1"),
    privacy.TombstoneLaid(token="7a" * 16, case="c1"),
    privacy.IncidentRaised(
        incident="i1", cause="reappeared", ref=_DATASET, case="c1", detail="1 row"
    ),
)  # fmt: skip

_RUN: Final = run_event(
    "COMPLETE", 1, job="load",
    inputs=[dataset("raw", columns=["id", "mail"])],
    outputs=[
        dataset(
            "clean", columns=["id", "mail_hash"], mode="append",
            lineage={"id": ["raw.id"], "mail_hash": ["raw.mail"]},
            version=facet("DatasetVersionDatasetFacet", datasetVersion="v1"),
            ownership=facet("OwnershipDatasetFacet", owners=[{"name": "team:shop"}]),
        )
    ],
)  # fmt: skip
_RUN["job"]["facets"]["sql"] = facet("SQLJobFacet", query="select 'jane@example.org'")

EVENTS: Final[dict[str, Any]] = {
    "run": _RUN,
    "failed": run_event("FAIL", 2, job="load", inputs=["raw"], outputs=["clean"]),
    "job": job_event(3, job="nightly", inputs=["clean"], outputs=["report"]),
    "dataset": dataset_event(4, dataset("raw", columns=["id"], change="CREATE")),
    "odd": run_event("DONE", 5, run="no-uuid", inputs=["raw"]) | {"eventTime": "yesterday"},
}


def files_of(kind: str) -> list[Path]:
    """The golden files of a kind."""
    return sorted((FOLDER / kind.replace("/", "-")).glob("*.json"))


def read_fact(stored: Json) -> Fact:
    """The fact of a golden file."""
    return Fact(**{**stored["fact"], "body": stored["fact"]["body"].encode()})


def left_by(fact: Fact, registry: Registry) -> Json:
    """What a fact leaves in an empty state, as JSON."""
    if registry.current(fact).kind in (KIND, ERASED):
        return folded([fact], registry)
    found = points_of(registry.current(fact), registry, FoldContext(IDENTITY))
    if isinstance(found, Stuck):
        return {"stuck": found.cause}
    return {"points": [_plain(point) for point in found]}


def _plain(point: Point) -> Json:
    entity = point.entity
    return msgspec.to_builtins(
        {
            "entity": [entity.label, list(entity.parts)],
            "shows": dict(entity.props),
            "aspect": point.aspect,
            "slot": point.slot,
            "source": point.source,
            "time": point.time,
            "value": point.value,
        }
    )


def folded(facts: Sequence[Fact], registry: Registry, identity: Identity = IDENTITY) -> Json:
    """What facts say: aspects by entity, edges by the names of their ends, states of runs."""
    with tempfile.TemporaryDirectory() as folder:
        state = open_state(Path(folder) / "state.db")
        Folder(ListedJournal(), state, registry, identity).fold(facts)  # type: ignore[arg-type]
        db, graph = state.connection(), state.graph
        entities = {n.key: f"{n.label}:{n.props.get('name')}" for n in graph.all_nodes()}
        entities |= {
            key: f"{label}:{'/'.join(json.loads(parts))}"
            for key, label, parts in db.execute("select key, label, parts from entity")
        }
        rows = db.execute("select entity_key, aspect, slot, source, time, value from point")
        points = [
            [entities.get(key, "Run"), aspect, slot, source, time, json.loads(value)]
            for key, aspect, slot, source, time, value in rows
        ]
        named = entities.get
        edges = [[e.type, named(e.src, "?"), named(e.dst, "?")] for e in graph.all_edges()]
        runs = [[entities[run.job_key], run.run_id, run.state] for run in state.runs()]
        stuck = [cause for _, cause, _, _ in state.stuck()]
        state.close()
    return {
        "points": sorted(points, key=repr),
        "edges": sorted(edges),
        "runs": sorted(runs),
        "stuck": stuck,
    }


def golden(kind: str, name: str, body: bytes, valid: int | None) -> Json:
    """The content of a golden file."""
    fact = {
        "position": 7,
        "fact_id": "0199" + "0f" * 14,
        "kind": kind,
        "actor": "person:7f",
        "stream": None,
        "valid_time": valid,
        "recorded_time": _AT,
        "body": body.decode(),
    }
    stored = {"name": name, "fact": fact}
    return {**stored, "leaves": left_by(read_fact(stored), make_registry())}


def _write(kind: str, name: str, body: bytes, valid: int | None) -> None:
    path = FOLDER / kind.replace("/", "-") / f"{name}.json"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(golden(kind, name, body, valid), indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", "utf-8")


def _write_samples(wanted: Sequence[str]) -> None:
    for body in SAMPLES:
        kind = str(body.__struct_config__.tag)
        if not wanted or kind in wanted:
            _write(kind, "sample", msgspec.json.encode(body, order="deterministic"), _AT)
    if not wanted or KIND in wanted:
        for name, event in EVENTS.items():
            made = draft(event)
            _write(KIND, name, made.body, made.valid_time)


if __name__ == "__main__":
    _write_samples(sys.argv[1:])
