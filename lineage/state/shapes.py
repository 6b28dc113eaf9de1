"""Shapes: what stays the same from run to run, content-addressed. Pure.

A shape is the job, its distinct inputs and outputs, and the digests of the facets that describe
them. An event whose shape was seen before adds one row for its run and next to nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from lineage.facts import FacetReader, Json
from lineage.openlineage.view import DatasetView, EventView, FacetBytes
from lineage.state.registry import Readers, Registry

__all__ = ["Content", "Port", "Shape", "Varying", "content", "facet_digest", "merge"]

Facets = tuple[tuple[str, str], ...]
"""(facet key, digest of its canonical bytes), sorted."""

Nesting = tuple[tuple[tuple[str, str], tuple[str, str]], ...]
"""(job, the job around it), each by namespace and name."""

_EMPTY: FacetBytes = {}


class Port(msgspec.Struct, frozen=True, array_like=True):
    """A dataset that a shape reads or writes."""

    namespace: str
    name: str
    facets: Facets


class Shape(msgspec.Struct, frozen=True, array_like=True):
    """What an event or a run says that does not belong to it alone."""

    subject: Literal["run", "job", "dataset"]
    job: tuple[str, str] | None
    parents: Nesting
    facets: Facets
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    database: str = ""
    """Where the tables of its SQL lie, if the event tells SQL and no datasets."""

    @property
    def digest(self) -> str:
        """Address of the shape by its content."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Varying:
    """A facet that belongs to one run: where it stands, how to read it, its bytes."""

    role: Literal["input", "output", "dataset", "job", "run"]
    port: Port | None
    reader: FacetReader
    raw: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """An event taken apart.

    Attributes:
        shape: What belongs to the shape.
        facets: The bytes behind the digests.
        varying: What belongs to this run alone.
        run: Facets of the run, kept with the run row.
    """

    shape: Shape
    facets: FacetBytes
    varying: tuple[Varying, ...]
    run: dict[str, bytes]


def facet_digest(raw: bytes | msgspec.Raw) -> str:
    """Address of a facet by its canonical bytes."""
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


_RUN_FACETS = frozenset(
    {"nominalTime", "parent", "processing_engine", "externalQuery", "errorMessage", "tags"}
)
_RUN_FACET_BYTES = 16 * 1024


class _Taking:
    """Collects while one event is taken apart."""

    def __init__(self) -> None:
        self.facets: FacetBytes = {}
        self.varying: list[Varying] = []

    def shaped(self, present: FacetBytes, readers: Readers) -> Facets:
        kept: list[tuple[str, str]] = []
        for name, raw in present.items():
            if name in readers.shaped:
                digest = facet_digest(raw)
                self.facets[digest] = raw
                kept.append((name, digest))
        kept.sort()
        return tuple(kept)

    def port(
        self,
        dataset: DatasetView,
        own: FacetBytes | None,
        readers: Readers,
        role: Literal["input", "output", "dataset"],
    ) -> Port:
        present = dataset.facets or _EMPTY
        if own:
            present = {**present, **own}
        port = Port(dataset.namespace, dataset.name, self.shaped(present, readers))
        for name in present.keys() & readers.varying.keys():
            for reader in readers.varying[name]:
                self.varying.append(Varying(role, port, reader, bytes(present[name])))
        return port


def _ports(ports: Iterable[Port]) -> tuple[Port, ...]:
    """Distinct and sorted; of a dataset named twice the later facet counts."""
    found: dict[tuple[str, str], Port] = {}
    for port in ports:
        key = (port.namespace, port.name)
        known = found.get(key)
        if known is not None and known.facets != port.facets:
            facets = tuple(sorted({**dict(known.facets), **dict(port.facets)}.items()))
            port = Port(port.namespace, port.name, facets)  # noqa: PLW2901
        found[key] = port
    return tuple(found[key] for key in sorted(found))


def _nesting(job: tuple[str, str], raw: msgspec.Raw | None) -> Nesting:
    """What the facet ``parent`` says of a job: the one around it, and the outermost."""
    facet: Json = None if raw is None else msgspec.json.decode(raw)
    if not isinstance(facet, dict):
        return ()
    root = facet.get("root")
    found: list[tuple[tuple[str, str], tuple[str, str]]] = []
    inner = job
    for said in (facet.get("job"), root.get("job") if isinstance(root, dict) else None):
        outer = _job_name(said)
        if outer is not None and outer not in (inner, job):
            found.append((inner, outer))
            inner = outer
    return tuple(found)


def _job_name(said: Json) -> tuple[str, str] | None:
    if not isinstance(said, dict):
        return None
    namespace, name = said.get("namespace"), said.get("name")
    return (
        (namespace, name) if isinstance(namespace, str) and isinstance(name, str) and name else None
    )


def _database(raw: msgspec.Raw | None) -> str:
    facet: Json = None if raw is None else msgspec.json.decode(raw)
    source = facet.get("source") if isinstance(facet, dict) else None
    return source if isinstance(source, str) else ""


def content(event: EventView, registry: Registry) -> Content:
    """Take an event apart into its shape and what varies."""
    taking = _Taking()
    run: dict[str, bytes] = {}
    job: tuple[str, str] | None = None
    job_facets: Facets = ()
    parents: Nesting = ()
    if event.job is not None:
        job = (event.job.namespace, event.job.name)
        present = event.job.facets or _EMPTY
        job_facets = taking.shaped(present, registry.job)
        for name in present.keys() & registry.job.varying.keys():
            for reader in registry.job.varying[name]:
                taking.varying.append(Varying("job", None, reader, bytes(present[name])))
    if event.run is not None:
        present = event.run.facets or _EMPTY
        parents = () if job is None else _nesting(job, present.get("parent"))
        for name, raw in present.items():
            if name in _RUN_FACETS and memoryview(raw).nbytes <= _RUN_FACET_BYTES:
                run[name] = bytes(raw)
            for reader in registry.run.varying.get(name, ()):
                taking.varying.append(Varying("run", None, reader, bytes(raw)))
    if event.job is None and event.dataset is not None:
        subject = taking.port(
            event.dataset,
            {**(event.dataset.inputFacets or {}), **(event.dataset.outputFacets or {})},
            registry.subject,
            "dataset",
        )
        shape = Shape("dataset", None, (), (), (), (subject,))
        return Content(shape, taking.facets, tuple(taking.varying), run)
    inputs = _ports(
        taking.port(d, d.inputFacets, registry.input, "input") for d in event.inputs or ()
    )
    outputs = _ports(
        taking.port(d, d.outputFacets, registry.output, "output") for d in event.outputs or ()
    )
    kind: Literal["run", "job"] = "job" if event.run is None else "run"
    database = ""
    if not inputs and not outputs and event.run is not None and dict(job_facets).get("sql"):
        database = _database((event.run.facets or _EMPTY).get("externalQuery"))
    shape = Shape(kind, job, parents, job_facets, inputs, outputs, database)
    return Content(shape, taking.facets, tuple(taking.varying), run)


def merge(shapes: Sequence[Shape]) -> Shape:
    """The shape of a run from the shapes of its events, earliest first.

    Inputs and outputs accumulate; of the same facet on the same entity the later one counts
    (OpenLineage run cycle).
    """
    first = shapes[0]
    if len(shapes) == 1:
        return first
    facets: dict[str, str] = {}
    for shape in shapes:
        facets.update(shape.facets)
    return Shape(
        first.subject,
        first.job,
        tuple(sorted({nested for shape in shapes for nested in shape.parents})),
        tuple(sorted(facets.items())),
        _ports(port for shape in shapes for port in shape.inputs),
        _ports(port for shape in shapes for port in shape.outputs),
        next((shape.database for shape in reversed(shapes) if shape.database), ""),
    )
