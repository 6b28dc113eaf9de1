"""Which facts name a thing: read from the facts themselves, so that none is missed.

The state keeps what facts say together, not who says it. Whoever erases must find every fact that
names a dataset, a job, a run, a model or a column, also one that a later fact repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from lineage.facts import Fact, FoldContext, Json
from lineage.identity import Identity
from lineage.journal.port import Journal
from lineage.openlineage.read import KIND
from lineage.openlineage.view import EventView, view
from lineage.refs import ColumnRef, DatasetRef, JobRef, ModelRef, Ref, RunRef
from lineage.state.native import Stuck, points_of
from lineage.state.registry import Registry
from lineage.state.shapes import Content, Port, content
from lineage.state.wiring import wire

__all__ = ["Mention", "facts_naming", "named_by"]

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Mention:
    """A fact that names something.

    Attributes:
        fact_id: Its id.
        position: Its position.
        kind: Its kind; of ``openlineage.received`` it is an event, else a native fact.
        stream: Its governance stream, None outside.
    """

    fact_id: str
    position: int
    kind: str
    stream: str | None


def facts_naming(
    journal: Journal,
    refs: Sequence[Ref],
    registry: Registry,
    identity: Identity,
    *,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Mention]:
    """Every fact whose contribution names one of the things, in the order of the journal.

    Args:
        journal: Where they are looked for; one pass over all distilled parts.
        refs: What is named; a dataset at any version.
        registry: What the packages declare.
        identity: Derives the keys.
        progress: Told the position after every page.
    """
    wanted = {ref.key(identity) for ref in refs}
    # A body without one of the names, as JSON writes it, cannot name the thing.
    names = [msgspec.json.encode(_telling(ref))[1:-1] for ref in refs]
    # Statements may quote each part of a name.
    short = [name.rpartition(b".")[2] for name in names]
    after = 0
    while facts := journal.read(after, _PAGE):
        for fact in facts:
            if fact.body is None:
                continue
            native = registry.current(fact).kind != KIND
            told = names if native or b'"sql"' not in fact.body else short
            if not native and not any(name in fact.body for name in told):
                continue
            if wanted & named_by(fact, registry, identity):
                yield Mention(fact.fact_id, fact.position, fact.kind, fact.stream)
        after = facts[-1].position
        if progress is not None:
            progress(after)


def named_by(fact: Fact, registry: Registry, identity: Identity) -> set[str]:
    """Keys of what a fact names; nothing where it cannot be folded."""
    try:
        fact = registry.current(fact)
        if fact.body is None:
            return set()
        if fact.kind != KIND:
            found = points_of(fact, registry, FoldContext(identity))
            points = () if isinstance(found, Stuck) else found
            return {point.entity.key(identity) for point in points}
        event = view(fact.body).event
    except (ValueError, RecursionError):
        return set()
    if event.job is None and event.dataset is None:
        return set()
    return _of_event(event, content(event, registry), identity)


def _of_event(event: EventView, taken: Content, identity: Identity) -> set[str]:
    def facet(digest: str) -> Json:
        return msgspec.json.decode(taken.facets[digest])

    shape = taken.shape
    wiring = wire(shape, facet, identity)
    keys = {*wiring.mentions, *wiring.parsed}
    if event.run is not None and event.run.runId and event.job is not None:
        keys.add(identity.key("Run", event.job.namespace, event.job.name, event.run.runId))
    for port in (*shape.inputs, *shape.outputs):
        keys.add(identity.key("Dataset", port.namespace, port.name))
        keys |= _columns(port, facet, identity)
    return keys


def _columns(port: Port, facet: Callable[[str], Json], identity: Identity) -> set[str]:
    """Columns of the schema that an event brings."""
    schema = next((facet(digest) for name, digest in port.facets if name == "schema"), None)
    fields = schema.get("fields") if isinstance(schema, dict) else None
    return {
        identity.key("Column", port.namespace, port.name, said["name"])
        for said in (fields if isinstance(fields, list) else ())
        if isinstance(said, dict) and isinstance(said.get("name"), str)
    }


def _telling(ref: Ref) -> str:
    """The part of a reference that tells it from most others."""
    match ref:
        case ColumnRef():
            return ref.field
        case RunRef():
            return ref.run_id
        case DatasetRef() | JobRef() | ModelRef():
            return ref.name
