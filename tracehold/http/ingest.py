"""``POST /api/v1/lineage``: an event is answered once it is durable, never before.

201 with a small receipt, for a repetition too. 4xx says that sending it again is of no use; when
the journal cannot take it now the answer is 503 with ``Retry-After``, the one status that every
OpenLineage client repeats (413 and a bare 429 lose the event).
"""

from __future__ import annotations

import time
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from catalog.people import Person
from lineage.errors import Denied, TraceholdError
from lineage.facts import Draft
from lineage.openlineage.read import receive
from tracehold.access import authorize
from tracehold.bootstrap import Services
from tracehold.http.body import Budget, read_body
from tracehold.http.landing import Landing
from tracehold.http.metrics import Key, Metrics

__all__ = ["Ingest"]

_SMALL: Final = 128 * 1024
"""Up to this size reading an event takes less time than handing it to another thread."""
_IN_FLIGHT: Final = 8
"""Bodies in flight together may take so many times the largest event."""

_ACCEPTED: Final[Key] = ("tracehold_events_total", (("outcome", "accepted"),))
_DUPLICATE: Final[Key] = ("tracehold_events_total", (("outcome", "duplicate"),))
_BYTES: Final[Key] = ("tracehold_event_bytes_total", ())
_SECONDS: Final[Key] = ("tracehold_event_seconds_total", ())


class _Part(msgspec.Struct):
    namespace: str = ""


class _Event(msgspec.Struct):
    # Beside a job, the member of a dataset may be anything.
    job: _Part | None = None
    dataset: msgspec.Raw = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    event: _Event


_NAMESPACE: Final = msgspec.json.Decoder(_Body)
_DATASET: Final = msgspec.json.Decoder(_Part)


class Ingest:
    """The lineage endpoint of one server."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._limit = services.settings.server.max_event_bytes
        self._budget = Budget(_IN_FLIGHT * self._limit)
        self._landing = Landing()

    async def receive(self, request: Request) -> Response:
        """Receive one OpenLineage event."""
        try:
            return await self._receive(request)
        except TraceholdError as error:
            self._metrics.count("tracehold_events_total", outcome=error.code)
            raise

    async def _receive(self, request: Request) -> Response:
        authorize(request.state.person, "lineage.receive")
        with self._budget.share() as share:
            raw = await read_body(request, limit=self._limit, share=share)
            person: Person = request.state.identify()
            authorize(person, "lineage.receive")
            began = time.perf_counter()
            if len(raw) <= _SMALL:
                draft = self._read(raw, person)
            else:
                draft = await run_in_threadpool(self._read, raw, person)
            receipt = await self._landing.wait(self._services.journal.submit(draft))
        if self._services.advancer is not None:
            self._services.advancer.wake()
        self._metrics.add(
            (_DUPLICATE if receipt.duplicate else _ACCEPTED, 1),
            (_BYTES, len(raw)),
            (_SECONDS, time.perf_counter() - began),
        )
        answer = {"receipt": receipt.fact_id, "duplicate": receipt.duplicate}
        return Response(msgspec.json.encode(answer), 201, media_type="application/json")

    def _read(self, raw: bytes, person: Person) -> Draft:
        draft = receive(
            raw, actor=person.id, scrubber=self._services.scrubber, max_bytes=self._limit
        )
        if person.namespaces:
            event = _NAMESPACE.decode(draft.body).event
            part = event.job or _DATASET.decode(event.dataset)
            if not person.may_report(part.namespace):
                raise Denied(
                    "the token does not report for this namespace",
                    where="/job/namespace" if event.job else "/dataset/namespace",
                    advice="use a token of that namespace, or ask an admin for one",
                )
        return draft
