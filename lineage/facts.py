"""Facts: what the journal holds, and what a package says about the facts it owns.

Every write is a fact. A fact has an *envelope* (kept for ever, no names) and a *distilled* part
(scrubbed, erasable); what was received verbatim is its *raw* part. A package declares its fact
types and the points that each leaves in the state; bootstrap joins the declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from lineage.identity import Identity, Label

__all__ = [
    "Draft",
    "Entity",
    "FacetReader",
    "Fact",
    "FactType",
    "FoldContext",
    "Json",
    "Point",
    "Receipt",
    "Source",
    "Upcast",
]

Json = Any
"""A JSON value as msgspec decodes it."""

Source = Literal["decision", "ui", "manifest", "facet", "scan", "import"]
"""Who says so. The precedence between sources is declared in ``lineage.state.precedence``."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact on its way into the journal.

    Attributes:
        kind: Kind and version, for example ``openlineage.received/1``.
        actor: Opaque id of the person or producer that says so; never a name.
        body: The distilled part, deterministic JSON bytes, already scrubbed.
        raw: The bytes as received, or None where there are none beside ``body``.
        valid_time: When it holds in the world, epoch milliseconds; None orders it first.
        stream: Governance stream (``hold``, ``deletion/<case>``) or None.
        idempotency: Bytes that identify a repetition (as received, before scrubbing).
        explicit_key: The producer's own idempotency key, if it gave one.
    """

    kind: str
    actor: str
    body: bytes
    raw: bytes | None = None
    valid_time: int | None = None
    stream: str | None = None
    idempotency: bytes | None = None
    explicit_key: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a fact is durable. ``position`` is None until it is sequenced."""

    fact_id: str
    position: int | None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as read from the journal. ``body`` is None where the distilled part was erased."""

    position: int
    fact_id: str
    kind: str
    actor: str
    stream: str | None
    valid_time: int | None
    recorded_time: int
    body: bytes | None

    @property
    def when(self) -> int:
        """When it holds: its valid time, or when it was recorded where that is unknown."""
        return self.recorded_time if self.valid_time is None else self.valid_time


@dataclass(frozen=True, slots=True)
class Entity:
    """Something the state knows: its label, its identity parts and the attributes shown."""

    label: Label
    parts: tuple[str, ...]
    props: Mapping[str, Json] = field(default_factory=dict)

    def key(self, identity: Identity) -> str:
        """The HMAC key of the entity."""
        return identity.key(self.label, *self.parts)


@dataclass(frozen=True, slots=True)
class Point:
    """One source said one thing about one aspect of one entity at one time.

    The state of an aspect is the *set* of its points; reading as of T takes, per slot and source,
    the latest point not after T (ties: the greater fact id), then the source of highest precedence.
    A set does not care for order or repetition, which is what makes the fold converge.

    Attributes:
        entity: What it is about.
        aspect: Which side of it: ``license``, ``schema``, ``hold`` …; owned by one package.
        value: What is said; None withdraws it.
        slot: Distinguishes several of the same aspect (a column, a hold id); empty for one.
        source: Who says so.
        time: Valid time in epoch milliseconds.
    """

    entity: Entity
    aspect: str
    value: Json
    slot: str = ""
    source: Source = "decision"
    time: int = 0


@dataclass(frozen=True, slots=True)
class FoldContext:
    """What a fold may know besides the fact: identities, nothing else."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class Upcast:
    """How a body of an older version becomes one of the next. What is stored never changes.

    Attributes:
        kind: The older kind and version, as stored.
        body: Pure; from the decoded body of that version to the one of the next.
    """

    kind: str
    body: Callable[[Json], Json]


@dataclass(frozen=True, slots=True)
class FactType:
    """A fact type that a package owns.

    Attributes:
        kind: Kind and version as written today.
        body: The frozen struct that the distilled part decodes to.
        points: Pure; what the fact leaves in the state.
        older: Every version released before, the oldest first; each leads to the next one, and the
            last to ``kind``.
    """

    kind: str
    body: type[msgspec.Struct]
    points: Callable[[Fact, Any, FoldContext], Iterable[Point]]
    older: tuple[Upcast, ...] = ()

    @classmethod
    def of(
        cls,
        body: type[msgspec.Struct],
        points: Callable[[Fact, Any, FoldContext], Iterable[Point]],
        older: tuple[Upcast, ...] = (),
    ) -> FactType:
        """The fact type of a struct whose tag is its kind."""
        return cls(str(body.__struct_config__.tag), body, points, older)


@dataclass(frozen=True, slots=True)
class FacetReader:
    """How an OpenLineage facet becomes an aspect.

    Attributes:
        facet: Facet key, for example ``tracehold_license``.
        aspect: The aspect it fills.
        on: Where the facet stands.
        varies: True where the value belongs to one run (statistics, findings), so that every event
            leaves a point; False where it describes the thing (schema, license) and belongs to the
            shape of the run.
        source: Who speaks through this facet.
        read: Pure; maps the facet object to the aspect's value, or None to ignore it. The default
            drops ``_producer`` and ``_schemaURL``.
        slotted: True where the value is an object whose members are slots (one per column, per
            assertion). The facet replaces all slots it filled before, as OpenLineage asks.
    """

    facet: str
    aspect: str
    on: Literal["dataset", "input", "output", "job", "run"] = "dataset"
    varies: bool = False
    source: Source = "facet"
    read: Callable[[Mapping[str, Json]], Json] | None = None
    slotted: bool = False
