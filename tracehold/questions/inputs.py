"""Pinned inputs: the exact versions that a run read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lineage.clock import format_millis
from lineage.errors import NotFound
from lineage.facts import Json
from lineage.state.pinning import facts_of_run, maker_of, pinned_inputs
from lineage.state.port import RunRow
from tracehold.questions.entities import ref_of_key
from tracehold.questions.marquez.facets import facets_of_run
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["INPUTS", "Part", "Read", "read_by"]

_PARTS: Final = "dagster_input"
"""The facet that names the version of each partition, where several were read at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """The version of one partition that was read.

    Attributes:
        partition: Its name.
        version: Name of the version.
        maker: The run that wrote it, where that is known and may be seen.
    """

    partition: str
    version: str
    maker: RunRow | None


@dataclass(frozen=True, slots=True)
class Read:
    """What a run read of one input.

    Attributes:
        dataset_key: The input.
        version: Name of the version; None where none is known, or several are.
        how: ``said``, ``inferred`` or ``unknown``.
        maker: The run that wrote it, where that is known and may be seen.
        parts: The partitions, where several were read at once and the run names their versions.
    """

    dataset_key: str
    version: str | None
    how: str
    maker: RunRow | None
    parts: tuple[Part, ...] = ()


class AskInputs(Body, frozen=True, kw_only=True):
    """A run."""

    ref: str


def read_by(services: Services, run: RunRow) -> Iterator[Read]:
    """What a run read, in the order of its inputs."""
    db = services.state.connection()
    found = pinned_inputs(db, run)
    # Events are read again only where the state does not know it all.
    positions = () if all(one.how == "said" for one in found) else facts_of_run(db, run.key)
    facets = facets_of_run(services, positions, run.run_id).inputs
    said = {services.identity.key("Dataset", *name): told for name, told in facets.items()}
    for pinned in found:
        key = pinned.dataset_key
        # A hidden input has another key here, of which nothing is said.
        if pinned.how != "said" and (parts := _parts(services, key, said.get(key, {}))):
            yield Read(key, None, "said", None, parts)
            continue
        maker = services.state.run(pinned.run_key) if pinned.run_key else None
        hidden = pinned.run_key is not None and maker is None
        yield Read(key, None if hidden else pinned.version, pinned.how, maker)


def _parts(services: Services, key: str, said: Mapping[str, Json]) -> tuple[Part, ...]:
    facet: Any = said.get(_PARTS)
    if not isinstance(facet, dict) or facet.get("pinned") is not True:
        return ()
    listed = facet.get("partitions")
    found = []
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        name, version = one.get("partition"), one.get("version")
        if isinstance(name, str) and isinstance(version, str):
            maker = maker_of(services.state.connection(), key, version)
            found.append(Part(name, version, services.state.run(maker) if maker else None))
    return tuple(found)


def _inputs(services: Services, params: AskInputs) -> Json:
    ref, key = services.resolve(params.ref)
    run = services.state.run(key)
    if run is None:
        raise NotFound("there is no such run", where=params.ref, advice="see tracehold run list")
    items = [
        {
            "ref": ref_of_key(services, read.dataset_key),
            "version": read.version,
            "how": read.how,
            **_made(services, read.maker),
            "partitions": [
                {"partition": one.partition, "version": one.version, **_made(services, one.maker)}
                for one in read.parts
            ],
        }
        for read in read_by(services, run)
    ]
    return {
        "ref": str(ref),
        "items": items,
        "exact": all(item["how"] == "said" for item in items),
        "known_at": services.state.position(),
    }


def _made(services: Services, maker: RunRow | None) -> dict[str, Json]:
    return {
        "made_by": None if maker is None else ref_of_key(services, maker.key),
        "made_at": None if maker is None or maker.ended is None else format_millis(maker.ended),
    }


INPUTS: Final[Sequence[Question]] = (
    Question("inputs", "The versions of its inputs that a run read.", AskInputs, _inputs),
)
