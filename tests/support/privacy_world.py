"""A small estate with a real journal, state and files, for the tests of privacy."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from openlineage_events import SCRUBBER, run_event

from lineage.facts import Draft, Receipt
from lineage.identity import Identity
from lineage.journal.keys import ensure_keys
from lineage.journal.sqlite import open_journal
from lineage.openlineage.read import receive
from lineage.refs import DatasetRef
from lineage.state.advance import Folder
from lineage.state.registry import Registry
from lineage.state.store import open_state
from privacy.deletion.draft import Choice, Erasure
from privacy.deletion.files import FileEraser
from privacy.deletion.protocol import approve, make_plan, request
from privacy.desk import Desk, Record
from privacy.facets import FACETS
from privacy.fold import FACTS
from privacy.projections import PROJECTIONS

ORIGIN = "tracehold.test/privacy"
NS = "warehouse"
START = 1_772_000_000_000
MINUTE = 60_000
DAY = 86_400_000
CANARY = "jane.canary@example.com"

ROLES: dict[str, frozenset[str]] = {
    "p-officer": frozenset({"privacy-officer"}),
    "p-planner": frozenset({"planner"}),
    "p-first": frozenset({"approver"}),
    "p-second": frozenset({"approver"}),
    "p-third": frozenset({"approver"}),
    "p-executor": frozenset({"executor"}),
    "p-all": frozenset({"privacy-officer", "approver", "executor"}),
    "p-engineer": frozenset({"engineer"}),
}


@dataclass
class HandClock:
    """Stands still until it is moved."""

    now: int = START

    def __call__(self) -> int:
        return self.now


@dataclass
class World:
    """A workspace in a folder; ``reopen`` gives what a restarted process sees."""

    root: Path
    clock: HandClock = field(default_factory=HandClock)
    roles: dict[str, frozenset[str]] = field(default_factory=lambda: dict(ROLES))

    def __post_init__(self) -> None:
        self.data = self.root / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.recorded: list[tuple[str, msgspec.Struct]] = []
        self._open()

    def _open(self) -> None:
        folder = self.root / ".tracehold"
        self.keys = ensure_keys(self.root / ".tracehold-keys", origin=ORIGIN, data=folder)
        self.journal = open_journal(
            folder, self.root / ".tracehold-keys", origin=ORIGIN, clock=self.clock
        )
        self.state = open_state(folder / "state.db")
        self.identity = Identity(self.keys.secret)
        registry = Registry(FACTS, FACETS, PROJECTIONS)
        self.folder = Folder(self.journal, self.state, registry, self.identity)
        self.folder.catch_up()
        self.eraser = FileEraser(self.data)
        self.lock = threading.RLock()
        self.desk = self.make_desk()

    def make_desk(self, record: Record | None = None) -> Desk:
        """A desk for this thread."""
        return Desk(
            state=self.state,
            reader=self.state.graph,
            identity=self.identity,
            clock=self.clock,
            record=record or self.record,
            roles_of=self.roles_of,
            lock=self.lock,
        )

    def close(self) -> None:
        self.journal.close()
        self.state.close()

    def reopen(self) -> None:
        self.close()
        self._open()

    def roles_of(self, actor: str) -> Collection[str]:
        return self.roles.get(actor, frozenset())

    def record(self, actor: str, kind: str, body: msgspec.Struct, stream: str | None) -> Receipt:
        draft = Draft(kind, actor, msgspec.json.encode(body, order="deterministic"), stream=stream)
        (receipt,) = self.journal.append([draft])
        self.folder.catch_up()
        assert self.state.stuck() == []
        self.recorded.append((kind, body))
        return receipt

    def emit(self, job: str, minutes: float, inputs: Iterable[Any], outputs: Iterable[Any]) -> None:
        """One completed run, some minutes before ``START`` if negative."""
        event = run_event(
            "COMPLETE", 0, job=job, run=f"{job}@{minutes}", inputs=inputs, outputs=outputs
        )
        moment = START + round(minutes * MINUTE)
        event["eventTime"] = _iso(moment)
        raw = msgspec.json.encode(event)
        draft = receive(raw, actor="producer", scrubber=SCRUBBER, max_bytes=1 << 20)
        self.journal.append([draft])
        self.folder.catch_up()
        assert self.state.stuck() == []

    def file(self, path: str, content: bytes | str) -> Path:
        """A file below the data root."""
        target = self.data / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def governed(self, name: str, path: str, **facets: Any) -> dict[str, Any]:
        """A dataset with a symlink to its file, as our own pipelines emit it."""
        absolute = str(self.data / path)
        symlinks = {
            "_producer": "https://example.org",
            "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/SymlinksDatasetFacet.json",
            "identifiers": [{"namespace": "file", "name": absolute, "type": "LOCATION"}],
        }
        return {"namespace": NS, "name": name, "facets": {"symlinks": symlinks, **facets}}

    def key(self, name: str) -> str:
        return DatasetRef(NS, name).key(self.identity)

    def kinds(self) -> list[str]:
        """Kinds of all facts in the journal, in order."""
        return [fact.kind for fact in self.journal.read(0, 100_000)]


def _iso(millis: int) -> str:
    from lineage.clock import format_millis

    return format_millis(millis)


def ref(name: str) -> str:
    return str(DatasetRef(NS, name))


CUSTOMERS = f"id,email\n1,{CANARY}\n2,x@example.org\n"
SURVIVOR = "id,carrier\n1,UA\n"


def estate(root: Path) -> World:
    """customers → joined → model churn@1, and flights that must survive."""
    world = World(root)
    world.file("customers/aaaa.csv", CUSTOMERS)
    world.file("joined/bbbb.csv", "j," + CUSTOMERS)
    world.file("flights/cccc.csv", SURVIVOR)
    customers = world.governed("customers", "customers/aaaa.csv")
    joined = world.governed("joined", "joined/bbbb.csv")
    flights = world.governed("flights", "flights/cccc.csv")
    source = {"namespace": "file", "name": "/elsewhere/customers.csv", "facets": {}}
    model = {
        "namespace": "model",
        "name": "churn@1",
        "facets": {
            "tracehold_model": {
                "_producer": "https://example.org",
                "_schemaURL": "https://tracehold.dev/spec/facets/1-0-0/Model.json",
                "name": "churn",
                "version": "1",
            }
        },
    }
    world.emit("ingest", -50, [source], [customers])
    world.emit("ingest_flights", -45, [], [flights])
    world.emit("join", -40, [customers, flights], [joined])
    world.emit("train", -30, [joined], [model])
    return world


DECISIONS: Mapping[str, Choice] = {
    ref("joined"): Choice("erase"),
    "model:churn@1": Choice("retrain", "trained on the data"),
}
POLICY = Erasure(policy_digest="d" * 64)


def approved_case(world: World, case: str = "case-1", *, days: int = 0) -> str:
    """A case that is ready to be carried out."""
    request(
        world.desk,
        "p-officer",
        case=case,
        targets=[ref("customers")],
        legal_ground="GDPR Art. 17(1)(b)",
        reason="consent withdrawn",
        quarantine_days=days,
    )
    planned = make_plan(
        world.desk, "p-officer", case, eraser=world.eraser, policy=POLICY, choices=DECISIONS
    )
    for approver in ("p-first", "p-second"):
        approve(world.desk, approver, case, plan_hash=planned.plan_hash)
    return case


def digests(root: Path) -> dict[str, str]:
    """Content of every file below a folder, to show that nothing else changed."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
