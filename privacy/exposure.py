"""Who holds which personal data: found in place, or carried there along lineage.

A finding travels with the values of its column (direct column lineage, content view) as
``inherited`` until somebody looked. It stops at a column for which its dataset declares a
de-identification *and* whose own later scan found none. Where a dataset feeds another without any
column lineage, the whole of the other inherits, unless it was scanned itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lineage.graph.port import GraphReader, Limits
from lineage.identity import Identity
from lineage.refs import ColumnRef, parse_ref
from lineage.state.port import StateReader
from privacy.carrying import Walk
from privacy.exposed import Exposed, ExposedModel, Exposure, Stopped
from privacy.reach import WIDE

__all__ = ["Exposed", "ExposedModel", "Exposure", "Stopped", "exposure"]


def exposure(
    reader: GraphReader,
    state: StateReader,
    identity: Identity,
    *,
    as_of: int,
    model_key: str | None = None,
    policy_digest: str = "",
    limits: Limits = WIDE,
    ends: Sequence[str] | None = None,
) -> Exposure:
    """Exposure of everything, or of one model: the union over the columns of what it was made from.

    Args:
        reader: The graph.
        state: The state.
        identity: Keys of columns.
        as_of: Moment in epoch milliseconds.
        model_key: Key of a model; None for everything.
        policy_digest: Digest of the policy in force, kept with the answer.
        limits: What the walk may cost.
        ends: Keys of datasets; then only what is in them, or in what they were made from, is
            looked at. None for everything.
    """
    moments = [as_of] if ends is not None else _moments(reader, state, as_of, model_key)
    walks = [Walk(reader, state, identity, moment, limits, ends=ends) for moment in moments]
    for walk in walks:
        walk.run()
    now = walks[0]
    rows, stopped = now.rows(), now.stopped()
    models = _union(walk.models() for walk in walks)
    if model_key is not None:
        found = {(row.ref, row.entity): row for w in reversed(walks) for row in w.inputs(model_key)}
        rows = [found[place] for place in sorted(found)]
        inputs = {ref for walk in walks for ref in walk.inputs_of(model_key)}
        stopped = [one for one in stopped if _dataset_of(one.ref) in inputs]
        models = [model for model in models if model.ref == now.ref(model_key)]
    truncated = set().union(*(walk.truncated for walk in walks))
    return Exposure(
        rows=tuple(rows),
        stopped=tuple(stopped),
        models=tuple(models),
        complete=not truncated,
        reasons=tuple(sorted(truncated)),
        as_of=as_of,
        known_at=state.position(),
        policy_digest=policy_digest,
        fold_version=state.fold_version(),
    )


def _dataset_of(ref: str) -> str:
    parsed = parse_ref(ref)
    return str(parsed.dataset) if isinstance(parsed, ColumnRef) else ref


def _moments(
    reader: GraphReader, state: StateReader, as_of: int, model_key: str | None
) -> list[int]:
    """As of when to walk: now, and when what a model was trained on was still there.

    A model keeps what its inputs held when it was trained, also after they were purged or
    overwritten. For one model that is the moment of its training; for the overview, the moment
    before each purge.
    """
    if model_key is None:
        purged = state.with_aspect("purged", as_of).values()
        times = {value.time - 1 for values in purged for value in values}
    else:
        edges = reader.neighbors(model_key, edge_types=("FEEDS",), limit=10_000)
        times = {
            start
            for edge in edges
            for start, _ in edge.content
            if edge.dst == model_key and start < as_of
        }
    return [as_of, *sorted(times - {as_of})]


def _union(found: Iterable[Sequence[ExposedModel]]) -> list[ExposedModel]:
    merged: dict[str, ExposedModel] = {}
    for models in found:
        for model in models:
            known = merged.get(model.ref, model)
            merged[model.ref] = ExposedModel(
                model.ref,
                tuple(sorted({*known.entities, *model.entities})),
                tuple(sorted({*known.via, *model.via})),
            )
    return [merged[ref] for ref in sorted(merged)]
