"""From a shape to the edges it wires. Pure, and computed once per shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lineage.facts import Json
from lineage.graph.port import EdgeType
from lineage.identity import Identity, Label
from lineage.openlineage.facets import is_imported
from lineage.openlineage.sql import Unread, statements
from lineage.state.claims import Claims, column_claims, explicit_claims, job_entries
from lineage.state.shapes import Port, Shape

__all__ = ["CLOSING_CHANGES", "PRODUCT_LIMIT", "EdgeKey", "Wired", "Wiring", "wire"]

CLOSING_CHANGES: Final = frozenset({"OVERWRITE", "TRUNCATE", "DROP"})
"""Lifecycle changes after which former content is gone."""

PRODUCT_LIMIT: Final = 20_000
"""Most inputs x outputs edges inferred for one shape; beyond it the owner is reported stuck."""

EdgeKey = tuple[EdgeType, str, str, str]
"""(type, src, dst, kind); the owner is the timeline the edge stands in."""


@dataclass(frozen=True, slots=True)
class Wired:
    """What a shape says of one edge.

    Attributes:
        props: Properties of the edge.
        ends: Keys of the datasets at both ends, for DROP.
        into: Key of the dataset whose content decides when the contribution ends; None where the
            edge carries no content.
        timeless: Stands without intervals.
    """

    props: Mapping[str, Json] = field(default_factory=dict)
    ends: tuple[str, ...] = ()
    into: str | None = None
    timeless: bool = False


@dataclass(slots=True)
class Wiring:
    """Everything a shape wires.

    Attributes:
        owner: Key of the job, or of the dataset of a DatasetEvent.
        mentions: Entities named: key → (label, parts).
        inputs: Keys read.
        outputs: Keys written.
        edges: What stands while the shape is in force.
        changes: Output key → lifecycle change that its facet names.
        modes: Output key → write mode that its facet names.
        parsed: Datasets that the SQL alone names: key → (namespace, name). They are known as long
            as it counts.
        parsed_in: Of these, what is read.
        parsed_out: Of these, what is written.
        imported: Whether an import says so: that never replaces what a producer showed.
        cause: Why edges are missing, if any are.
    """

    owner: str = ""
    mentions: dict[str, tuple[Label, tuple[str, ...]]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    edges: dict[EdgeKey, Wired] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    parsed: dict[str, tuple[str, str]] = field(default_factory=dict)
    parsed_in: set[str] = field(default_factory=set)
    parsed_out: set[str] = field(default_factory=set)
    imported: bool = False
    cause: str = ""

    @property
    def moves_data(self) -> bool:
        """Whether a dataset is named at all; a COMPLETE without one changes nothing."""
        return bool(self.inputs or self.outputs or self.parsed)


FacetOf = Callable[[str], Json]
"""Facet value by digest."""


class _Wirer:
    def __init__(self, shape: Shape, facet_of: FacetOf, identity: Identity) -> None:
        self.shape = shape
        self.facet_of = facet_of
        self.identity = identity
        self.wiring = Wiring()
        self.keys: dict[tuple[Label, tuple[str, ...]], str] = {}

    def facet(self, port: Port, name: str) -> Json:
        for key, digest in port.facets:
            if key == name:
                value = self.facet_of(digest)
                return value if isinstance(value, dict) and not value.get("_deleted") else None
        return None

    def mention(self, label: Label, *parts: str) -> str:
        known = self.keys.get((label, parts))
        if known is not None:
            return known
        key = self.keys[label, parts] = self.identity.key(label, *parts)
        self.wiring.mentions[key] = (label, parts)
        return key

    def dataset(self, name: tuple[str, str]) -> str:
        return self.mention("Dataset", *name)

    def entity(self, port: Port) -> tuple[str, bool]:
        model = self.facet(port, "tracehold_model")
        if model:
            name, version = model.get("name"), model.get("version")
            if isinstance(name, str) and name and isinstance(version, str) and version:
                return self.mention("Model", name, version), True
        return self.dataset((port.namespace, port.name)), False

    def put(self, key: EdgeKey, wired: Wired) -> None:
        self.wiring.edges.setdefault(key, wired)

    def feed(self, src: str, dst: str, kind: str) -> None:
        if src != dst:
            self.put(("FEEDS", src, dst, kind), Wired(ends=(src, dst), into=dst))

    def columns(self, port: Port, dst: str, claims: Claims) -> set[str]:
        """Wires the columns; returns the datasets they come from."""
        sources: set[str] = set()
        # Most columns of a dataset come from another in the same way: what is said of them is
        # kept once, for shapes stay in memory by the thousand.
        said: dict[tuple[str, bool, bool | None, str], Wired] = {}
        for (source, own), claim in claims.columns.items():
            src = self.dataset(source[:2])
            if claim.direct or claims.kind == "declared":
                sources.add(src)
            src_column = self.mention("Column", *source)
            dst_column = self.mention("Column", port.namespace, port.name, own)
            if src_column == dst_column:
                continue
            how = (src, claim.direct, claim.masking, ",".join(sorted(claim.subtypes)))
            if how not in said:
                said[how] = Wired(_column_props(*how[1:]), (src, dst), dst)
            self.put(("FEEDS_COLUMN", src_column, dst_column, claims.kind), said[how])
        return sources

    def claimed(self, port: Port, dst: str, claims: Claims) -> None:
        direct = self.columns(port, dst, claims) | {self.dataset(n) for n in claims.sources}
        for src in sorted(direct):
            self.feed(src, dst, claims.kind)
        indirect = {self.dataset(n) for n in claims.indirect}
        indirect |= {self.dataset(source[:2]) for source, _ in claims.columns}
        for src in sorted(indirect - direct):
            self.feed(src, dst, "indirect")

    def training(self, port: Port, src: str, models: list[str]) -> bool:
        """Whether an input is said to be a training set."""
        facet = self.facet(port, "tracehold_training")
        if not facet:
            return False
        props = {
            k: facet[k] for k in ("role", "version", "subset") if isinstance(facet.get(k), str)
        }
        for model in models:
            self.put(
                ("TRAINED_ON", src, model, "declared"), Wired(props, ends=(src, model), into=model)
            )
        return True

    def owner(self) -> str:
        if self.shape.job is None:
            subject = self.shape.outputs[0]
            return self.dataset((subject.namespace, subject.name))
        return self.mention("Job", *self.shape.job)

    def imported(self) -> bool:
        if self.shape.job is None:
            return is_imported(self.facet(self.shape.outputs[0], "lineage"))
        types = (self.facet_of(digest) for name, digest in self.shape.facets if name == "jobType")
        return any(map(is_imported, types))

    def run(self) -> Wiring:
        wiring, shape = self.wiring, self.shape
        wiring.owner = owner = self.owner()
        wiring.imported = self.imported()
        for inner, outer in shape.parents:
            kind = "parent" if inner == shape.job else "root"
            ends = (self.mention("Job", *inner), self.mention("Job", *outer))
            self.put(("CHILD_OF", *ends, kind), Wired(timeless=True))
        if not shape.inputs and not shape.outputs:
            self.statements()
        entries = self.entries()
        sources: list[str] = []
        for port in shape.inputs:
            key, _ = self.entity(port)
            sources.append(key)
            wiring.inputs.append(key)
            self.put(("READ", key, owner, "run"), Wired(ends=(key,)))
        open_outputs: list[str] = []
        models: list[str] = []
        for port in shape.outputs:
            key, is_model = self.entity(port)
            self.output(port, key)
            if is_model:
                models.append(key)
            if wiring.changes.get(key) in ("TRUNCATE", "DROP"):
                continue
            claims = entries.get((port.namespace, port.name)) or self.claims_of(port)
            if claims is not None and not is_model:
                self.claimed(port, key, claims)
            elif shape.subject != "dataset":
                open_outputs.append(key)
        trained = {
            key
            for port, key in zip(shape.inputs, sources, strict=True)
            if self.training(port, key, models)
        }
        self.product(sources, open_outputs, {(src, dst) for src in trained for dst in models})
        return wiring

    def statements(self) -> None:
        """What the SQL of a job says that names no dataset itself."""
        facet = next((self.facet_of(d) for name, d in self.shape.facets if name == "sql"), None)
        if not isinstance(facet, dict) or not isinstance(facet.get("query"), str):
            return
        dialect = facet.get("dialect")
        try:
            found = statements(facet["query"], dialect if isinstance(dialect, str) else "")
        except Unread as unread:
            self.wiring.cause = f"{unread}: no datasets taken from it"
            return
        for one in found:
            reads = [self.parsed(name) for name in one.reads]
            writes = [self.parsed(name) for name in one.writes]
            self.wiring.parsed_in.update(reads)
            self.wiring.parsed_out.update(writes)
            for src in reads:
                self.put(("READ", src, self.wiring.owner, "derived-sql"), Wired(ends=(src,)))
            for dst in writes:
                self.put(("WROTE", self.wiring.owner, dst, "derived-sql"), Wired(ends=(dst,)))
                for src in reads if one.passes else ():
                    self.feed(src, dst, "derived-sql")

    def parsed(self, name: str) -> str:
        """A table that SQL names; it lies where the producer says, or else where the job does."""
        namespace = self.shape.database or (self.shape.job or ("",))[0]
        key = self.identity.key("Dataset", namespace, name)
        self.wiring.parsed[key] = (namespace, name)
        return key

    def output(self, port: Port, key: str) -> None:
        wiring = self.wiring
        wiring.outputs.append(key)
        if self.shape.subject != "dataset":
            self.put(("WROTE", wiring.owner, key, "run"), Wired(ends=(key,)))
        lifecycle = self.facet(port, "lifecycleStateChange")
        change = lifecycle.get("lifecycleStateChange") if lifecycle else None
        if isinstance(change, str) and change.upper() in CLOSING_CHANGES:
            wiring.changes[key] = change.upper()
        terms = self.facet(port, "tracehold_terms")
        mode = terms.get("write_mode") if terms else None
        if isinstance(mode, str):
            wiring.modes[key] = mode

    def claims_of(self, port: Port) -> Claims | None:
        explicit = explicit_claims(self.facet(port, "lineage"))
        return explicit or column_claims(self.facet(port, "columnLineage"))

    def entries(self) -> dict[tuple[str, str], Claims]:
        for name, digest in self.shape.facets:
            if name == "lineage":
                return job_entries(self.facet_of(digest))
        return {}

    def product(
        self, sources: list[str], outputs: list[str], declared: set[tuple[str, str]]
    ) -> None:
        """Every input feeds every output; a training set feeds its model because it says so."""
        if len(sources) * len(outputs) > PRODUCT_LIMIT:
            self.wiring.cause = (
                f"{len(sources)} inputs x {len(outputs)} outputs without column lineage: "
                "no product inferred"
            )
            return
        kind = "static" if self.shape.subject == "job" else "product"
        for dst in outputs:
            for src in sources:
                self.feed(src, dst, "declared" if (src, dst) in declared else kind)


def _column_props(direct: bool, masking: bool | None, subtypes: str) -> dict[str, Json]:
    props: dict[str, Json] = {
        "direct": direct,
        "masking": "unknown" if masking is None else masking,
    }
    if subtypes:
        props["subtype"] = subtypes
    return props


def wire(shape: Shape, facet_of: FacetOf, identity: Identity) -> Wiring:
    """The edges of a shape.

    Args:
        shape: Merged shape of a run, or shape of a static event.
        facet_of: Decoded facet by digest.
        identity: Derives the keys.
    """
    return _Wirer(shape, facet_of, identity).run()
