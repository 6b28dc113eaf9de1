"""The stored event as the fold sees it: typed, lenient, facets left undecoded.

Facets stay as the canonical bytes of the distilled part, so that an unchanged facet costs one
digest and no decoding. Where a part has the wrong type it is left out; ``receive`` has flagged it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lineage.facts import Json

__all__ = [
    "DatasetView",
    "EventView",
    "FacetBytes",
    "Finding",
    "JobView",
    "RunView",
    "Stored",
    "view",
]

FacetBytes = dict[str, msgspec.Raw]


class RunView(msgspec.Struct, frozen=True):
    """The run of an event."""

    runId: str | None = None  # noqa: N815
    facets: FacetBytes | None = None


class JobView(msgspec.Struct, frozen=True):
    """The job of an event."""

    namespace: str
    name: str
    facets: FacetBytes | None = None


class DatasetView(msgspec.Struct, frozen=True):
    """An input, an output, or the subject of a DatasetEvent."""

    namespace: str
    name: str
    facets: FacetBytes | None = None
    inputFacets: FacetBytes | None = None  # noqa: N815
    outputFacets: FacetBytes | None = None  # noqa: N815


class EventView(msgspec.Struct, frozen=True):
    """A RunEvent (``run`` is set), a JobEvent (only ``job``) or a DatasetEvent."""

    eventType: str | None = None  # noqa: N815
    run: RunView | None = None
    job: JobView | None = None
    dataset: DatasetView | None = None
    inputs: list[DatasetView] | None = None
    outputs: list[DatasetView] | None = None


class Finding(msgspec.Struct, frozen=True):
    """What ``receive`` found odd: a code, and where in the event."""

    code: str
    at: str = ""


class Stored(msgspec.Struct, frozen=True):
    """A distilled part: the event, and what is odd about it."""

    event: EventView
    findings: tuple[Finding, ...] = ()


class _Findings(msgspec.Struct, frozen=True):
    findings: tuple[Finding, ...] = ()


_DECODER = msgspec.json.Decoder(Stored)


def view(body: bytes) -> Stored:
    """The event of a distilled part.

    Raises:
        ValueError: The part is no stored event.
    """
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError:
        decoded = msgspec.json.decode(body)
        if not isinstance(decoded, dict) or not isinstance(decoded.get("event"), dict):
            raise
        found = msgspec.convert(decoded, _Findings).findings
        return Stored(_repaired(decoded["event"]), found)


def _facets(value: Json) -> FacetBytes | None:
    if not isinstance(value, dict):
        return None
    return {k: msgspec.Raw(msgspec.json.encode(v, order="deterministic")) for k, v in value.items()}


def _dataset(value: Json) -> DatasetView | None:
    if not _named(value):
        return None
    return DatasetView(
        value["namespace"],
        value["name"],
        _facets(value.get("facets")),
        _facets(value.get("inputFacets")),
        _facets(value.get("outputFacets")),
    )


def _datasets(value: Json) -> list[DatasetView] | None:
    if not isinstance(value, list):
        return None
    return [dataset for dataset in map(_dataset, value) if dataset is not None]


def _named(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("namespace"), str)
    )


def _repaired(event: Mapping[str, Json]) -> EventView:
    kind, run, job = event.get("eventType"), event.get("run"), event.get("job")
    run_view = None
    if isinstance(run, dict):
        run_id = run.get("runId")
        run_view = RunView(run_id if isinstance(run_id, str) else None, _facets(run.get("facets")))
    job_view = None
    if isinstance(job, dict) and _named(job):
        job_view = JobView(job["namespace"], job["name"], _facets(job.get("facets")))
    return EventView(
        kind if isinstance(kind, str) else None,
        run_view,
        job_view,
        _dataset(event.get("dataset")),
        _datasets(event.get("inputs")),
        _datasets(event.get("outputs")),
    )
