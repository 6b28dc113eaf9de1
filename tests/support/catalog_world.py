"""A small estate with a real journal and state, for the tests of the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from openlineage_events import SCRUBBER, facet, run_event

from catalog import events
from catalog.facets import FACETS, license_facet, model_facet
from catalog.fold import FACTS
from catalog.judgement import Judgement
from catalog.licenses.verdict import license_verdict
from catalog.manifests import Policy
from catalog.projections import PROJECTIONS
from lineage.clock import format_millis
from lineage.facts import Draft, FactType, Receipt
from lineage.identity import Identity
from lineage.journal.keys import ensure_keys
from lineage.journal.sqlite import open_journal
from lineage.openlineage.read import receive
from lineage.refs import DatasetRef, ModelRef
from lineage.state.advance import Folder
from lineage.state.registry import Registry
from lineage.state.store import open_state

ORIGIN = "tracehold.test/catalog"
NS = "shop"
START = 1_772_000_000_000
MINUTE = 60_000
DAY = 86_400_000


@dataclass
class HandClock:
    """Stands still until it is moved."""

    now: int = START

    def __call__(self) -> int:
        return self.now


@dataclass
class World:
    """A workspace in a folder."""

    root: Path
    clock: HandClock = field(default_factory=HandClock)
    policy: Policy = field(default_factory=lambda: Policy(Path("/nowhere"), digest="d" * 64))
    more_facts: tuple[FactType, ...] = ()

    def __post_init__(self) -> None:
        folder, keys = self.root / ".tracehold", self.root / ".tracehold-keys"
        self.identity = Identity(ensure_keys(keys, origin=ORIGIN, data=folder).secret)
        self.journal = open_journal(folder, keys, origin=ORIGIN, clock=self.clock)
        self.state = open_state(folder / "state.db")
        registry = Registry((*FACTS, *self.more_facts), FACETS, PROJECTIONS)
        self.folder = Folder(self.journal, self.state, registry, self.identity)

    def close(self) -> None:
        self.journal.close()
        self.state.close()

    def record(self, body: msgspec.Struct, actor: str = "p-approver") -> Receipt:
        encoded = msgspec.json.encode(body, order="deterministic")
        (receipt,) = self.journal.append([Draft(events.kind_of(body), actor, encoded)])
        self.catch_up()
        return receipt

    def catch_up(self) -> None:
        self.folder.catch_up()
        assert self.state.stuck() == []

    def emit(
        self, job: str, inputs: Iterable[Any], outputs: Iterable[Any], minutes: float = -60
    ) -> None:
        """One completed run, some minutes after ``START``."""
        event = run_event(
            "COMPLETE", 0, job=job, run=f"{job}@{minutes}", inputs=inputs, outputs=outputs
        )
        event["eventTime"] = format_millis(START + round(minutes * MINUTE))
        draft = receive(
            msgspec.json.encode(event), actor="producer", scrubber=SCRUBBER, max_bytes=1 << 20
        )
        self.journal.append([draft])
        self.catch_up()

    def key(self, name: str, namespace: str = NS) -> str:
        return DatasetRef(namespace, name).key(self.identity)

    def model_key(self, name: str, version: str) -> str:
        return ModelRef(name, version).key(self.identity)

    def judge(self, name: str = "m", version: str = "1", **changes: Any) -> Judgement:
        """The license verdict of a model."""
        arguments: dict[str, Any] = {"as_of": self.clock(), "policy": self.policy}
        return license_verdict(
            self.state.graph,
            self.state,
            self.identity,
            self.model_key(name, version),
            **(arguments | changes),
        )

    def waive(self, scope: str = "license", waiver: str = "w1", days: float = 30) -> Receipt:
        """A waiver for the model ``m@1``."""
        expires = self.clock() + round(days * DAY)
        return self.record(events.ModelWaived(waiver, "m", "1", scope, "accepted", expires))


def data(
    name: str, expression: str = "", *, namespace: str = NS, alias: str = "", **facets: Any
) -> dict[str, Any]:
    """A dataset of an event, with a license and an alias path if given."""
    said: dict[str, Any] = dict(facets)
    if expression:
        said["tracehold_license"] = license_facet(expression)
    if alias:
        identifiers = [{"namespace": "file", "name": alias, "type": "LOCATION"}]
        said["symlinks"] = facet("SymlinksDatasetFacet", identifiers=identifiers)
    return {"namespace": namespace, "name": name, "facets": said}


def model(name: str = "m", version: str = "1", **facets: Any) -> dict[str, Any]:
    """A version of a model as the output of an event."""
    said: Mapping[str, Any] = {"tracehold_model": model_facet(name, version), **facets}
    return {"namespace": "model", "name": f"{name}@{version}", "facets": dict(said)}
