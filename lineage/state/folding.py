"""The fold over the SQL state: takes facts, then settles what they changed.

Taking a fact only adds to sets (points, runs, sightings). Settling derives everything that depends
on more than one fact, once per batch, from those sets alone; so neither order nor batches matter.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from lineage.facts import Entity, Fact, FoldContext, Json, Point
from lineage.graph.port import Edge, GraphDiff, Node
from lineage.graph.sql import SqlGraph
from lineage.identity import Identity, Label
from lineage.openlineage.facets import said_by
from lineage.openlineage.read import KIND
from lineage.openlineage.view import EventView, Finding, view
from lineage.state.alias_rules import ENDED, RULE, Rule
from lineage.state.aliases import ASPECT as SYMLINKS
from lineage.state.aliases import PROPOSED
from lineage.state.attributes import Observation, changes, read_value
from lineage.state.digest import RollingDigest
from lineage.state.drops import DropTable
from lineage.state.erasures import ERASED, MISSING, Erasures
from lineage.state.finding_table import FindingTable
from lineage.state.following import TEXTS
from lineage.state.late import Late
from lineage.state.native import Stuck, points_of
from lineage.state.picture import Picture
from lineage.state.point_table import PointTable, read_points
from lineage.state.registry import Registry
from lineage.state.resolve import MANY, StoredPoint, resolve
from lineage.state.run_table import RunTable
from lineage.state.runs import STATIC, RunState, Sighting, event_state
from lineage.state.shape_table import ShapeInfo, ShapeTable
from lineage.state.shapes import Varying, content
from lineage.state.timelines import Timelines, troubled
from lineage.state.versions import VersionTable

__all__ = ["Folding"]

_TIPS: Final = 200_000
_encode = msgspec.json.Encoder(order="deterministic").encode

Moment = tuple[int, str]
Cite = tuple[str, int, str]


class Folding:
    """State of the fold between batches: tables and bounded caches."""

    def __init__(
        self,
        db: sqlite3.Connection,
        graph: SqlGraph,
        registry: Registry,
        identity: Identity,
        late: Late | None = None,
    ) -> None:
        self._db = db
        self._graph = graph
        self._registry = registry
        self._identity = identity
        self._late = Late() if late is None else late
        self._context = FoldContext(identity)
        row = db.execute("select value from meta where key = 'digest'").fetchone()
        self._digest = RollingDigest(int(row[0], 16) if row else 0)
        self._erasures = Erasures(db)
        self._points = PointTable(db, self._digest)
        self._shapes = ShapeTable(db, registry, identity)
        self._runs = RunTable(db, self._shapes, self._digest)
        self._versions = VersionTable(db, self._digest)
        self._findings = FindingTable(db, self._digest)
        self._timelines = Timelines(db, self._shapes, identity)
        self._drops = DropTable(db, identity)
        self._picture = Picture(db, graph, identity)
        self._tips: dict[tuple[str, str, str], tuple[Moment, str]] = {}
        self._touched: list[tuple[int, int]] = []
        self._named: set[tuple[str, str]] = set()
        self._stale: set[str] = set()
        self._changed: set[tuple[str, str]] = set()
        self._restated: set[str] = set()

    # Taking

    def take(self, fact: Fact) -> None:
        """Add what one fact says to the sets."""
        try:
            fact = self._registry.current(fact)
        except ValueError:
            self._stuck(fact.fact_id, "body does not fit its kind", fact)
            return
        if fact.body is None:
            if not self._erasures.explained(fact.fact_id):
                self._stuck(fact.fact_id, MISSING, fact)
            return
        if fact.kind == ERASED:
            if cause := self._erasures.take(fact):
                self._stuck(fact.fact_id, cause, fact)
            return
        if fact.kind != KIND:
            self._take_native(fact)
            return
        try:
            stored = view(fact.body)
        except (ValueError, RecursionError):
            stored = None
        if stored is None or (stored.event.job or stored.event.dataset) is None:
            self._stuck(fact.fact_id, "body is no stored event", fact)
            return
        self._take_event(fact, fact.body, stored.event, stored.findings)

    def alias_rules(self) -> tuple[Rule, ...]:
        """The rules by which names are of one thing, as far as facts were taken and settled."""
        return self._picture.names.rules

    def mention(self, key: str, label: Label, parts: tuple[str, ...]) -> None:
        """An entity is known to have been named, by a fact that is not taken."""
        self._picture.mention(key, label, parts)

    def _take_native(self, fact: Fact) -> None:
        found = points_of(fact, self._registry, self._context)
        if isinstance(found, Stuck):
            self._stuck(fact.fact_id, found.cause, fact)
            return
        for point in found:
            self._put_native(fact, point)

    def _put_native(self, fact: Fact, point: Point) -> None:
        entity = point.entity
        key = entity.key(self._identity)
        self._picture.mention(key, entity.label, entity.parts, fact.position)
        self._show(key, entity, point.time, fact.fact_id)
        stored = StoredPoint(
            point.slot, point.source, point.time, fact.fact_id,
            fact.fact_id, fact.position, fact.actor, point.value,
        )  # fmt: skip
        if self._points.put(key, point.aspect, stored):
            self._changed.add((key, point.aspect))
            named = self._name(key, entity, point.aspect, stored)
            self._late.natives += 1
            self._late.note(fact.when, (key, *named))

    def _name(self, key: str, entity: Entity, aspect: str, point: StoredPoint) -> set[str]:
        """Keep whom a point names, taken alone: what holds later may name others."""
        found: set[str] = set()
        for name, project in self._registry.projections.get(aspect, ()):
            nodes, edges = project(entity, resolve(name, [point]), self._identity)
            made = {key, *(node.key for node in nodes)}
            named = {end for edge in edges for end in (edge.src, edge.dst)} - made
            self._naming(key, named)
            found |= named
        return found

    def _naming(self, key: str, named: set[str]) -> None:
        fresh = sorted((one, key) for one in named if (one, key) not in self._named)
        if len(self._named) > _TIPS:
            self._named.clear()
        self._named.update(fresh)
        self._db.executemany("insert or ignore into naming values (?, ?)", fresh)

    def _show(self, key: str, entity: Entity, time: int, rank: str) -> None:
        for prop, value in entity.props.items():
            done = self._db.execute(
                "insert into shown (entity_key, prop, time, rank, value) values (?, ?, ?, ?, ?)"
                " on conflict do update set time = excluded.time, rank = excluded.rank,"
                " value = excluded.value where (excluded.time, excluded.rank, excluded.value)"
                " > (time, rank, value)",
                (key, prop, time, rank, _encode(value).decode()),
            )
            if done.rowcount:
                self._picture.node_changed(key)

    def _take_event(
        self, fact: Fact, body: bytes, event: EventView, findings: Sequence[Finding]
    ) -> None:
        taken = content(event, self._registry)
        rank = hashlib.sha256(body).hexdigest()[:32]
        moment = (fact.valid_time or 0, rank)
        cite = (fact.fact_id, fact.position, fact.actor)
        info, new = self._shapes.intern(taken.shape, taken.facets)
        self._touched.append((info.id, fact.position))
        self._late.note(fact.when, info.wiring.mentions)
        if info.wiring.parsed:
            self._late.note(fact.when, info.wiring.parsed)
        if new:
            for key, (label, parts) in info.wiring.mentions.items():
                self._picture.mention(key, label, parts, fact.position)
        state = self._run_state(event, info, moment, taken.run)
        sighting = Sighting(moment, moment, *cite)
        self._timelines.updated(self._runs.see(state, info, sighting))
        self._observe(info, moment)
        if findings:
            self._findings.see(info.wiring.owner, findings, moment, cite)
        for varying in taken.varying:
            self._vary(varying, info, state, moment, cite)

    def _run_state(
        self, event: EventView, info: ShapeInfo, moment: Moment, run: dict[str, bytes]
    ) -> RunState:
        owner, (at, rank) = info.wiring.owner, moment
        if event.run is None or event.job is None:
            return RunState(f"{owner}:{at}:{rank}", owner, "", STATIC, at, at)
        run_id = event.run.runId or f"without id {rank}"
        key = self._identity.key("Run", event.job.namespace, event.job.name, run_id)
        facets = {name: (at, rank, msgspec.json.decode(raw)) for name, raw in run.items()}
        return event_state(key, owner, run_id, event_type=event.eventType, time=at, facets=facets)

    def _observe(self, info: ShapeInfo, moment: Moment) -> None:
        """Mark entities of which something may have changed; the same again costs a look-up."""
        for seen in info.observations:
            tip = self._tips.get((seen.entity_key, seen.reader.aspect, seen.reader.facet))
            if tip is None or tip[1] != seen.digest or moment < tip[0]:
                self._stale.add(seen.entity_key)

    def _vary(
        self, varying: Varying, info: ShapeInfo, state: RunState, moment: Moment, cite: Cite
    ) -> None:
        reader = varying.reader
        facet = msgspec.json.decode(varying.raw)
        value = read_value(reader, facet)
        if value is None and reader.aspect in ("version", "statistics"):
            return
        entity_key = self._subject(varying, info, state)
        at, rank = moment
        if reader.aspect == "version" and isinstance(value, str):
            made = state.key if varying.role == "output" else None
            self._versions.see(entity_key, value, moment, made)
        point = StoredPoint(
            MANY if reader.slotted else "",
            said_by(reader, facet),
            at,
            f"{rank}:{reader.facet}",
            *cite,
            value,
        )
        if self._points.put(entity_key, reader.aspect, point):
            self._changed.add((entity_key, reader.aspect))

    def _subject(self, varying: Varying, info: ShapeInfo, state: RunState) -> str:
        if varying.role == "run" and info.shape.job is not None:
            return state.key
        if varying.port is None:
            return info.wiring.owner
        name = (varying.port.namespace, varying.port.name)
        ports, keys = info.shape.outputs, info.wiring.outputs
        if varying.role == "input":
            ports, keys = info.shape.inputs, info.wiring.inputs
        for port, key in zip(ports, keys, strict=True):
            if (port.namespace, port.name) == name:
                return key
        return self._identity.key("Dataset", *name)

    def _stuck(self, subject: str, cause: str, fact: Fact) -> None:
        self._db.execute(
            "insert or ignore into stuck (subject, cause, kind, position) values (?, ?, ?, ?)",
            (subject, cause, fact.kind, fact.position),
        )

    # Settling

    def settle(self) -> GraphDiff:
        """Derive what depends on the facts taken; returns what the graph must change."""
        self._picture.store_mentions()
        self._runs.flush()
        self._touched.sort()
        self._db.executemany("insert or ignore into touch values (?, ?)", self._touched)
        for entity_key in sorted(self._stale):
            self._changed |= {(entity_key, aspect) for aspect in self._attributes(entity_key)}
        self._restated = {key for key, aspect in self._changed if aspect in TEXTS}
        for entity_key, aspect in sorted(self._changed):
            self._aspect_changed(entity_key, aspect)
        for key in sorted(self._drops.settle(self._shapes.fresh())):
            self._timelines.touch(key, readers=True)
            self._picture.aliases_changed(key)
        for owner in sorted(self._timelines.dirty):
            edges, parsed, cause = self._timelines.edges(owner)
            self._picture.replace_owner(owner, edges)
            self._picture.claim_nodes(f"{owner}:sql", parsed)
            self._missing(owner, cause)
        for job_key in sorted(self._timelines.troubled):
            owner = f"{job_key}:run"
            _, parts = self._picture.entity(job_key)
            self._picture.claim(owner, *troubled(self._db, job_key, parts, owner))
        self._touched.clear()
        self._stale.clear()
        self._changed.clear()
        self._timelines.dirty.clear()
        self._timelines.troubled.clear()
        diff = self._picture.diff()
        self._late.note(0, self._picture.names.moved())
        return diff

    def finish(self, diff: GraphDiff, position: int) -> None:
        """Write the diff, the position and the digest in the open transaction."""
        self._graph.apply(diff, position)
        self._db.executemany(
            "insert or ignore into restated values (?, ?)",
            [(position, key) for key in sorted(self._restated)],
        )
        self._db.executemany(
            "insert or replace into meta (key, value) values (?, ?)",
            [("position", str(position)), ("digest", f"{self._digest.total:064x}")],
        )

    def forget(self) -> None:
        """Drop everything held in memory, after a transaction was rolled back."""
        row = self._db.execute("select value from meta where key = 'digest'").fetchone()
        self._digest.total = int(row[0], 16) if row else 0
        self._touched.clear()
        self._named.clear()
        self._stale.clear()
        self._changed.clear()
        self._tips.clear()
        self._findings.forget()
        self._shapes.forget()
        self._runs.forget()
        self._timelines.forget()
        self._drops.forget()
        self._picture.forget()

    def _attributes(self, entity_key: str) -> set[str]:
        rows = self._db.execute(
            "select s.shape_id, s.first_time, s.first_rank, s.last_time, s.last_rank, s.fact_id,"
            " s.position, s.actor from shape_entity e join sighting s on s.shape_id = e.shape_id"
            " where e.entity_key = ?",
            (entity_key,),
        ).fetchall()
        seen: list[tuple[Sighting, Observation]] = []
        for number, first, first_rank, last, last_rank, *cite in rows:
            sighting = Sighting((first, first_rank), (last, last_rank), *cite)
            observations = self._shapes.by_id(number).observations
            seen.extend((sighting, o) for o in observations if o.entity_key == entity_key)
        wanted: dict[tuple[str, str], list[StoredPoint]] = {}
        if len(self._tips) > _TIPS:
            self._tips.clear()
        for change in changes(seen):
            reader, (at, rank) = change.reader, change.moment
            cited = change.sighting
            facet = self._shapes.facet(change.digest)
            value: Json = read_value(reader, facet)
            source = said_by(reader, facet)
            point = StoredPoint(
                MANY if reader.slotted else "", source, at, f"{rank}:{reader.facet}",
                cited.fact_id, cited.position, cited.actor, value,
            )  # fmt: skip
            wanted.setdefault((reader.aspect, reader.facet), []).append(point)
            self._tips[entity_key, reader.aspect, reader.facet] = (change.moment, change.digest)
        return self._points.replace_derived(entity_key, wanted)

    def _aspect_changed(self, entity_key: str, aspect: str) -> None:
        if aspect == "schema":
            self._picture.schema_changed(entity_key)
        elif aspect in (SYMLINKS, PROPOSED):
            self._drops.names_changed(entity_key)
            self._picture.aliases_changed(entity_key)
        elif aspect in (RULE, ENDED):
            self._picture.names.rules_changed()
        elif aspect in ("terms", "write_mode", "purged"):
            self._timelines.declared(entity_key)
            self._picture.node_changed(entity_key)
        projections = self._registry.projections.get(aspect, ())
        if not projections or not self._picture.knows(entity_key):
            # Runs have points, but no node that a projection could hang on.
            return
        nodes: list[Node] = []
        found: list[Edge] = []
        # Without what is shown of it: that may change later, and nothing would be projected again.
        entity = Entity(*self._picture.entity(entity_key))
        for name, project in projections:
            values = resolve(name, read_points(self._db, entity_key, name))
            more_nodes, more_edges = project(entity, values, self._identity)
            nodes.extend(more_nodes)
            found.extend(more_edges)
        self._picture.claim(f"{entity_key}:{aspect}", nodes, found)

    def _missing(self, owner: str, cause: str) -> None:
        self._db.execute("delete from stuck where subject = ? and kind = 'wiring'", (owner,))
        if cause:
            self._db.execute(
                "insert or ignore into stuck (subject, cause, kind, position)"
                " values (?, ?, 'wiring', 0)",
                (owner, cause),
            )
