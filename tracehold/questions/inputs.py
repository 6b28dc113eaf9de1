"""Pinned inputs: the exact versions that a run read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lineage.clock import format_millis
from lineage.errors import NotFound
from lineage.facts import Json
from lineage.state.pinning import pinned_inputs
from tracehold.bootstrap import Services
from tracehold.questions.entities import ref_of_key
from tracehold.questions.question import Body, Question

__all__ = ["INPUTS"]


class AskInputs(Body, frozen=True, kw_only=True):
    """A run."""

    ref: str


def _inputs(services: Services, params: AskInputs) -> Json:
    ref, key = services.resolve(params.ref)
    run = services.state.run(key)
    if run is None:
        raise NotFound("there is no such run", where=params.ref, advice="see tracehold run list")
    items = []
    for pinned in pinned_inputs(services.state.connection(), run):
        maker = services.state.run(pinned.run_key) if pinned.run_key else None
        items.append(
            {
                "ref": ref_of_key(services, pinned.dataset_key),
                "version": None if pinned.run_key and maker is None else pinned.version,
                "how": pinned.how,
                "made_by": None if maker is None else ref_of_key(services, maker.key),
                "made_at": None
                if maker is None or maker.ended is None
                else format_millis(maker.ended),
            }
        )
    return {
        "ref": str(ref),
        "items": items,
        "exact": all(item["how"] == "said" for item in items),
        "known_at": services.state.position(),
    }


INPUTS: Final[Sequence[Question]] = (
    Question("inputs", "The versions of its inputs that a run read.", AskInputs, _inputs),
)
