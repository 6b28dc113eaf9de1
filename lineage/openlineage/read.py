"""An event on its way in: read leniently, scrubbed, flagged, never dropped silently.

Only bytes that are no JSON object, name neither a job nor a dataset, nest too deep or are too large
are refused (Postel; openlineage.md §4.3). Every other defect becomes a finding beside the event in
the distilled part, which is deterministic: the same bytes give the same body.

Duplicate members: the last one counts (RFC 8259 §4 leaves it open); the raw part keeps all.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

import msgspec

from lineage.facts import Draft, Json, Upcast
from lineage.openlineage.errors import NoIdentity, NotAnEvent, TooDeep, TooLarge
from lineage.openlineage.forms.common import URI, UUID
from lineage.openlineage.naming import propose
from lineage.openlineage.reach import Reach, confine
from lineage.openlineage.scrub import Scrubber
from lineage.openlineage.times import event_time

__all__ = ["BATCH_EVENTS", "BEFORE", "EVENT_TYPES", "KIND", "receive", "split"]

KIND: Final = "openlineage.received/1"
BEFORE: Final[tuple[Upcast, ...]] = ()
"""Versions of ``KIND`` released before, the oldest first; none yet."""
BATCH_EVENTS: Final = 10_000
"""Most events of one batch."""
EVENT_TYPES: Final = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})

_RawObject = dict[str, msgspec.Raw]
_OBJECT = msgspec.json.Decoder(_RawObject)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_SCHEMA = re.compile(r"https?://\S+/OpenLineage\.json(#/(\$defs|definitions)/\w+)?")
_NAME_LIMIT = 4096
_FINDINGS = 1000
"""So many findings of one event are kept; a hostile one could have millions."""
_URI = re.compile(URI)
_UUID = re.compile(UUID)


class _Reading:
    """One event being read: the findings so far."""

    def __init__(self, scrubber: Scrubber) -> None:
        self.scrubber = scrubber
        self.findings: list[dict[str, str]] = []

    def flag(self, code: str, at: str) -> None:
        if len(self.findings) < _FINDINGS:
            self.findings.append({"code": code, "at": at})
        elif len(self.findings) == _FINDINGS:
            self.findings.append({"code": "findings-cut", "at": ""})

    def facets(self, raw: msgspec.Raw, at: str, *, removable: bool) -> Json:
        if _is_null(raw):
            self.flag("facets-null", at)
            return None
        members = _members(raw, at)
        if members is None:
            self.flag("facets-not-an-object", at)
            return self.scrubber.clean("", bytes(raw)).value
        out: dict[str, msgspec.Raw] = {}
        for name, facet in members.items():
            cleaned = self.scrubber.clean(name, bytes(facet))
            out[name] = cleaned.value
            for code, place in cleaned.findings:
                if removable or code != "facet-deleted-not-boolean":
                    self.flag(code, f"{at}/{_pointer(name)}{place}")
        return out

    def part(self, members: _RawObject, at: str, own: str = "") -> dict[str, Json]:
        """A run, job or dataset: facets scrubbed one by one, the rest kept.

        ``own`` is what stands beside ``facets`` here: ``inputFacets``, ``outputFacets`` or nothing.
        """
        out: dict[str, Json] = {}
        for name, raw in members.items():
            if name == "facets":
                out[name] = self.facets(raw, f"{at}/{name}", removable=at != "/run")
            elif name in ("inputFacets", "outputFacets"):
                known = len(self.findings)
                out[name] = self.facets(raw, f"{at}/{name}", removable=False)
                if name != own:
                    # The schema knows no such member here, so that anything may stand in it.
                    del self.findings[known:]
            elif name in ("namespace", "name", "runId"):
                out[name] = _value(raw, f"{at}/{name}")
            else:
                out[name] = self.scrubber.clean("", bytes(raw)).value
        return out

    def datasets(self, raw: msgspec.Raw, at: str) -> Json:
        try:
            items = _LIST.decode(raw)
        except msgspec.ValidationError:
            self.flag("datasets-not-a-list", at)
            return self.scrubber.clean("", bytes(raw)).value
        out: list[Json] = []
        for number, item in enumerate(items):
            where = f"{at}/{number}"
            members = _members(item, where)
            if members is None:
                self.flag("dataset-not-an-object", where)
                out.append(self.scrubber.clean("", bytes(item)).value)
                continue
            dataset = self.part(members, where, f"{at[1:-1]}Facets")
            if not _named(dataset):
                empty = dataset.get("name") == "" and isinstance(dataset.get("namespace"), str)
                self.flag("dataset-name-empty" if empty else "dataset-without-name", where)
            else:
                self.check_name(dataset["name"], f"{where}/name")
            out.append(dataset)
        return out

    def check_name(self, name: str, at: str) -> None:
        if len(name) > _NAME_LIMIT:
            self.flag("name-long", at)
        if not name.isprintable():
            self.flag("name-unprintable", at)


def _is_null(raw: msgspec.Raw) -> bool:
    return memoryview(raw).nbytes == 4 and bytes(raw) == b"null"


def _pointer(member: str) -> str:
    return member.replace("~", "~0").replace("/", "~1")


def _refuse(error: Exception, at: str) -> NotAnEvent | TooDeep:
    if isinstance(error, RecursionError):
        return TooDeep("the event nests too deep", where=at, advice="flatten the facet")
    reason = str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8"
    return NotAnEvent(
        f"the event is not JSON: {reason}",
        where=at,
        advice="send one JSON object, UTF-8 without byte order mark",
    )


def _members(raw: bytes | msgspec.Raw, at: str) -> _RawObject | None:
    """The members of an object; None where the JSON is no object."""
    try:
        return _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _refuse(error, at) from error


def _value(raw: msgspec.Raw, at: str) -> Json:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise _refuse(error, at) from error


def _named(part: dict[str, Json]) -> bool:
    name = part.get("name")
    return isinstance(name, str) and bool(name) and isinstance(part.get("namespace"), str)


def _identified(reading: _Reading, event: _RawObject, member: str) -> dict[str, Json]:
    members = _members(event[member], f"/{member}")
    part = None if members is None else reading.part(members, f"/{member}")
    if part is None or not _named(part):
        raise NoIdentity(
            f"the event does not say which {member} it speaks of",
            where=f"/{member}/name",
            advice=f"send {member}.namespace and {member}.name as non-empty strings",
        )
    reading.check_name(part["name"], f"/{member}/name")
    if not part["namespace"]:
        reading.flag("namespace-empty", f"/{member}/namespace")
    return part


def _run(reading: _Reading, raw: msgspec.Raw) -> Json:
    members = _members(raw, "/run")
    if members is None:
        reading.flag("run-not-an-object", "/run")
        return reading.scrubber.clean("", bytes(raw)).value
    run = reading.part(members, "/run")
    run_id = run.get("runId")
    if not isinstance(run_id, str) or not run_id:
        reading.flag("run-id-missing", "/run/runId")
    elif not _UUID.fullmatch(run_id):
        reading.flag("run-id-not-a-uuid", "/run/runId")
    return run


def _check_kind(reading: _Reading, event: dict[str, Json]) -> None:
    for member, name in (("schemaURL", "schema-url"), ("producer", "producer")):
        given = event.get(member)
        if not isinstance(given, str):
            reading.flag(f"{name}-missing", f"/{member}")
        elif not _URI.fullmatch(given):
            reading.flag(f"{name}-no-uri", f"/{member}")
        elif member == "schemaURL" and not _SCHEMA.fullmatch(given):
            reading.flag("schema-url-other", "/schemaURL")
    if "run" not in event and "job" in event and "dataset" in event:
        reading.flag("event-ambiguous", "/dataset")
    if "run" not in event or "job" not in event:
        return
    kind = event.get("eventType")
    if "eventType" not in event:
        reading.flag("event-type-missing", "/eventType")
    elif not (isinstance(kind, str) and kind in EVENT_TYPES):
        reading.flag("event-type-unknown", "/eventType")


_SCALARS = frozenset({"eventTime", "eventType", "producer", "schemaURL"})


def _event(reading: _Reading, members: _RawObject) -> dict[str, Json]:
    if "job" in members:
        subject = "job"
    elif "dataset" in members:
        subject = "dataset"
    else:
        raise NoIdentity(
            "the event names neither a job nor a dataset",
            where="/job",
            advice="send job.namespace and job.name, or dataset.namespace and dataset.name",
        )
    event: dict[str, Json] = {}
    for name, raw in members.items():
        if name == subject:
            event[name] = _identified(reading, members, name)
        elif name == "run":
            event[name] = _run(reading, raw)
        elif name in ("inputs", "outputs"):
            event[name] = reading.datasets(raw, f"/{name}")
        elif name in _SCALARS:
            event[name] = _value(raw, f"/{name}")
        else:
            event[name] = reading.scrubber.clean("", bytes(raw)).value
    if subject == "dataset":
        # In a dataset event the schema knows neither run nor inputs: anything may stand in them.
        reading.findings = [one for one in reading.findings if one["at"].startswith("/dataset")]
    return event


def receive(
    raw: bytes, *, actor: str, scrubber: Scrubber, max_bytes: int, reach: Reach | None = None
) -> Draft:
    """One OpenLineage event as a draft for the journal.

    Args:
        raw: The body as received, after content decoding.
        actor: Opaque id of the producer.
        scrubber: Masks what must not be stored in clear.
        max_bytes: Largest body accepted.
        reach: What the producer speaks for; None where that is everything.

    Returns:
        A draft whose body is ``{"event": …, "findings": [{"at": pointer, "code": …}]}``.

    Raises:
        NotAnEvent: The bytes are no JSON object.
        NoIdentity: Neither job nor dataset is named.
        TooDeep: The JSON nests too deep.
        TooLarge: More than ``max_bytes``.
        Denied: It speaks of what is beyond the producer's reach.
    """
    if len(raw) > max_bytes:
        raise TooLarge(
            f"the event has {len(raw)} bytes, the limit is {max_bytes}",
            advice="split the event, drop oversized facets, or raise server.max_event_bytes",
        )
    members = _members(raw, "")
    if members is None:
        raise NotAnEvent(
            "the event is not a JSON object",
            advice="send each OpenLineage event as a JSON object",
        )
    reading = _Reading(scrubber)
    event = _event(reading, members)
    _check_kind(reading, event)
    if reach is not None:
        for at, name in confine(event, reach):
            reading.flag("facet-not-yours", f"{at}/{_pointer(name)}")
        for at in propose(event, reach):
            reading.flag("symlink-proposed", at)
    millis, finding = event_time(event.get("eventTime"))
    if finding:
        reading.flag(finding, "/eventTime")
    try:
        body = msgspec.json.encode(
            cast("Any", {"event": event, "findings": reading.findings}), order="deterministic"
        )
    except (OverflowError, UnicodeError) as error:
        raise _refuse(error, "") from error
    return Draft(kind=KIND, actor=actor, body=body, raw=raw, valid_time=millis, idempotency=raw)


def split(raw: bytes) -> list[msgspec.Raw]:
    """The events of a batch, not read yet.

    Args:
        raw: A JSON array; what is returned are views of it.

    Raises:
        NotAnEvent: It is none.
        TooDeep: The JSON nests too deep.
        TooLarge: There are more than ``BATCH_EVENTS``.
    """
    try:
        events = _LIST.decode(raw)
    except msgspec.ValidationError:
        raise NotAnEvent(
            "the batch is not a JSON array",
            advice="send an array of OpenLineage events, or one event to /api/v1/lineage",
        ) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _refuse(error, "") from error
    if len(events) > BATCH_EVENTS:
        raise TooLarge(
            f"the batch has {len(events)} events, the limit is {BATCH_EVENTS}",
            advice="send several batches",
        )
    return events
