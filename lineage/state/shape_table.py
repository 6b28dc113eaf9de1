"""Shapes as stored: interned once, taken apart once, kept in a bounded cache."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import msgspec

from lineage.facts import Json
from lineage.identity import Identity
from lineage.openlineage.view import FacetBytes
from lineage.state.attributes import Observation
from lineage.state.registry import Readers, Registry
from lineage.state.shapes import Port, Shape
from lineage.state.wiring import Wiring, wire

__all__ = ["ShapeInfo", "ShapeTable"]

_CACHED: Final = 4000
_FACETS: Final = 200
"""Facets kept decoded: one of column lineage takes forty times its text."""
_decode_shape = msgspec.json.Decoder(Shape).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class ShapeInfo:
    """A shape with everything derived from it alone."""

    id: int
    digest: str
    shape: Shape
    wiring: Wiring
    observations: tuple[Observation, ...]


class ShapeTable:
    """Interns shapes."""

    def __init__(self, db: sqlite3.Connection, registry: Registry, identity: Identity) -> None:
        self._db = db
        self._registry = registry
        self._identity = identity
        self._by_shape: OrderedDict[Shape, ShapeInfo] = OrderedDict()
        self._by_id: dict[int, ShapeInfo] = {}
        self._facets: dict[str, Json] = {}
        self._fresh: list[ShapeInfo] = []

    def fresh(self) -> list[ShapeInfo]:
        """Shapes stored since this was asked last."""
        found, self._fresh = self._fresh, []
        return found

    def facet(self, digest: str) -> Json:
        """A facet by its address."""
        if digest not in self._facets:
            if len(self._facets) > _FACETS:
                self._facets.clear()
            row = self._db.execute("select value from facet where digest = ?", (digest,)).fetchone()
            self._facets[digest] = msgspec.json.decode(row[0])
        return self._facets[digest]

    def known(self, shape: Shape) -> ShapeInfo | None:
        """A shape that is in the cache."""
        info = self._by_shape.get(shape)
        if info is not None:
            self._by_shape.move_to_end(shape)
        return info

    def intern(self, shape: Shape, facets: FacetBytes) -> tuple[ShapeInfo, bool]:
        """The stored form of a shape, and whether it is new.

        Args:
            shape: The shape.
            facets: Bytes of facets that may be new; a merged shape brings none.
        """
        info = self.known(shape)
        if info is not None:
            return info, False
        digest = shape.digest
        row = self._db.execute("select id from shape where digest = ?", (digest,)).fetchone()
        if row is not None:
            return self._keep(self._info(row[0], digest, shape)), False
        self._db.executemany(
            "insert or ignore into facet (digest, value) values (?, ?)",
            [(key, bytes(raw).decode()) for key, raw in facets.items()],
        )
        wiring = wire(shape, self.facet, self._identity)
        (number,) = self._db.execute(
            "insert into shape (digest, body, inputs, outputs, owner) values (?, ?, ?, ?, ?)"
            " returning id",
            (
                digest,
                msgspec.json.encode(shape).decode(),
                _encode(sorted({*wiring.inputs, *wiring.parsed_in})).decode(),
                _encode(sorted({*wiring.outputs, *wiring.parsed_out})).decode(),
                wiring.owner,
            ),
        ).fetchone()
        info = self._info(number, digest, shape, wiring)
        self._index(info)
        self._fresh.append(info)
        return self._keep(info), True

    def by_id(self, number: int) -> ShapeInfo:
        """A stored shape."""
        info = self._by_id.get(number)
        if info is None:
            digest, body = self._db.execute(
                "select digest, body from shape where id = ?", (number,)
            ).fetchone()
            info = self._keep(self._info(number, digest, _decode_shape(body)))
        return info

    def forget(self) -> None:
        """Empty the caches, after a transaction was rolled back."""
        self._by_shape.clear()
        self._by_id.clear()
        self._fresh.clear()

    def _keep(self, info: ShapeInfo) -> ShapeInfo:
        self._by_shape[info.shape] = info
        self._by_id[info.id] = info
        if len(self._by_shape) > _CACHED:
            _, oldest = self._by_shape.popitem(last=False)
            self._by_id.pop(oldest.id, None)
        return info

    def _info(
        self, number: int, digest: str, shape: Shape, wiring: Wiring | None = None
    ) -> ShapeInfo:
        wiring = wiring or wire(shape, self.facet, self._identity)
        found: dict[tuple[str, str, str], Observation] = {}

        def observe(entity_key: str, facets: tuple[tuple[str, str], ...], readers: Readers) -> None:
            for name, facet in facets:
                for reader in readers.steady.get(name, ()):
                    key = (entity_key, reader.aspect, name)
                    found[key] = Observation(entity_key, reader, facet)

        def ports(keys: list[str], ports: tuple[Port, ...], readers: Readers) -> None:
            for key, port in zip(keys, ports, strict=True):
                observe(key, port.facets, readers)

        if shape.subject == "dataset":
            ports(wiring.outputs, shape.outputs, self._registry.subject)
        else:
            observe(wiring.owner, shape.facets, self._registry.job)
            ports(wiring.inputs, shape.inputs, self._registry.input)
            ports(wiring.outputs, shape.outputs, self._registry.output)
        return ShapeInfo(number, digest, shape, wiring, tuple(found.values()))

    def _index(self, info: ShapeInfo) -> None:
        wiring = info.wiring
        self._db.executemany(
            "insert or ignore into shape_entity (entity_key, shape_id) values (?, ?)",
            {(o.entity_key, info.id) for o in info.observations},
        )
        touched = {key: "via" for wired in wiring.edges.values() for key in wired.ends}
        rows = {(key, "in") for key in (*wiring.inputs, *wiring.parsed_in)}
        rows |= {(key, "out") for key in (*wiring.outputs, *wiring.parsed_out)}
        named = {*wiring.inputs, *wiring.outputs, *wiring.parsed}
        rows |= {(key, role) for key, role in touched.items() if key not in named}
        self._db.executemany(
            "insert or ignore into shape_io (entity_key, role, shape_id, owner, change, mode)"
            " values (?, ?, ?, ?, ?, ?)",
            [
                (
                    key, role, info.id, wiring.owner,
                    wiring.changes.get(key) if role == "out" else None,
                    wiring.modes.get(key) if role == "out" else None,
                )
                for key, role in sorted(rows)
            ],
        )  # fmt: skip
