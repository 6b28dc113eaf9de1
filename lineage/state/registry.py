"""What the packages declare, joined: fact types, facet readers, projections."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from lineage.errors import Fault
from lineage.facts import Entity, FacetReader, Fact, FactType, Point
from lineage.graph.port import Edge, Node
from lineage.identity import Identity
from lineage.journal.erasure import ERASED
from lineage.journal.keychain import KeyLost, KeyRotated
from lineage.openlineage.facets import FACETS
from lineage.openlineage.read import BEFORE as RECEIVED_BEFORE
from lineage.openlineage.read import KIND as RECEIVED
from lineage.openlineage.sql import parser
from lineage.state.port import AspectValue
from lineage.state.projections import PROJECTIONS
from lineage.state.upcasting import Older, current, older_kinds

__all__ = ["FOLD_VERSION", "STRUCTURAL", "Projection", "Registry"]

FOLD_VERSION: Final = "4"
"""Raised with every change that lets the same facts give another state."""

Projection = tuple[
    str, Callable[[Entity, list[AspectValue], Identity], tuple[list[Node], list[Edge]]]
]
"""(aspect, function): how an aspect shows in the graph. Pure; the entity has no ``props`` here."""

STRUCTURAL: Final = frozenset(
    {
        "columnLineage", "lineage", "lifecycleStateChange",
        "tracehold_model", "tracehold_training", "tracehold_terms",
    }
)  # fmt: skip
"""Dataset facets that decide how things are wired; always part of the shape."""

_DATASET = ("dataset", "input", "output")


def _nothing(*_: object) -> tuple[Point, ...]:
    return ()


KEYS: Final = (FactType.of(KeyRotated, _nothing), FactType.of(KeyLost, _nothing))
"""Changes of the signing key: the journal's own business, they leave nothing in the state."""


class Registry:
    """Everything declared, indexed for the fold. Lineage's own declarations are included."""

    def __init__(
        self,
        facts: Iterable[FactType] = (),
        facets: Iterable[FacetReader] = (),
        projections: Iterable[Projection] = (),
    ) -> None:
        """Join the declarations of all packages.

        Raises:
            Fault: Two packages declare the same kind of fact or read the same facet into the same
                aspect.
        """
        self.facts: dict[str, FactType] = {}
        self.older = older_kinds(RECEIVED, RECEIVED_BEFORE)
        for fact in (*KEYS, *facts):
            for kind in (fact.kind, *(step.kind for step in fact.older)):
                if kind in self.facts or kind in self.older or kind in (RECEIVED, ERASED):
                    raise Fault(f"the fact kind {kind} is declared twice")
            self.facts[fact.kind] = fact
            self.older |= older_kinds(fact.kind, fact.older)
        self.projections: dict[str, list[Projection]] = {}
        for projection in (*PROJECTIONS, *projections):
            self.projections.setdefault(projection[0], []).append(projection)
        readers = (*FACETS, *facets)
        names = [(r.on, r.facet, r.aspect) for r in readers]
        if len(set(names)) != len(names):
            raise Fault("a facet is read into the same aspect twice")
        self.input = _index(readers, ("dataset", "input"))
        self.output = _index(readers, ("dataset", "output"))
        self.subject = _index(readers, _DATASET)
        self.job = _index(readers, ("job",))
        self.run = _index(readers, ("run",))
        kinds = [RECEIVED, ERASED, *self.facts, *self.older]
        self.version = f"{FOLD_VERSION}+{_signature(kinds, readers, self.projections)}"

    def current(self, fact: Fact) -> Fact:
        """The fact as today's version of its kind says it; the same one where it is current.

        Raises:
            ValueError: Its body is not what its kind has.
        """
        older: Older | None = self.older.get(fact.kind)
        return fact if older is None else current(fact, older)


class Readers:
    """Readers of one place, by facet key."""

    def __init__(self, readers: Iterable[FacetReader]) -> None:
        self.steady: dict[str, list[FacetReader]] = {}
        self.varying: dict[str, list[FacetReader]] = {}
        for reader in readers:
            side = self.varying if reader.varies or reader.on == "run" else self.steady
            side.setdefault(reader.facet, []).append(reader)
        self.shaped = frozenset(self.steady) | STRUCTURAL


def _index(readers: Iterable[FacetReader], places: tuple[str, ...]) -> Readers:
    return Readers(r for r in readers if r.on in places)


def _signature(
    facts: Iterable[str], readers: Iterable[FacetReader], projections: Iterable[str]
) -> str:
    text = repr(
        (
            sorted(facts),
            sorted((r.on, r.facet, r.aspect, r.varies, r.source, r.slotted) for r in readers),
            sorted(projections),
            parser(),
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]
