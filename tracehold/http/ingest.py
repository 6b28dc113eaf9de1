"""``POST /api/v1/lineage``: an event is answered once it is durable, never before.

201 with a small receipt, for a repetition too. 4xx says that sending it again is of no use; when
the journal cannot take it now the answer is 503 with ``Retry-After``, the one status that every
OpenLineage client repeats (413 and a bare 429 lose the event). ``POST /api/v1/lineage/batch`` takes
an array and says of each event what came of it; one that is refused stops no other.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from catalog.people import Person
from lineage.errors import TraceholdError
from lineage.facts import Draft, Receipt
from lineage.openlineage.read import receive, split
from tracehold.access import authorize
from tracehold.http.batch import Outcome, pieces, report
from tracehold.http.body import Budget, Share, read_body
from tracehold.http.landing import Landing
from tracehold.http.metrics import Key, Metrics
from tracehold.services import Services

__all__ = ["Ingest"]

_SMALL: Final = 128 * 1024
"""Up to this size reading an event takes less time than handing it to another thread."""
_IN_FLIGHT: Final = 8
"""Bodies in flight together may take so many times the largest event."""

_ACCEPTED: Final[Key] = ("tracehold_events_total", (("outcome", "accepted"),))
_DUPLICATE: Final[Key] = ("tracehold_events_total", (("outcome", "duplicate"),))
_BYTES: Final[Key] = ("tracehold_event_bytes_total", ())
_SECONDS: Final[Key] = ("tracehold_event_seconds_total", ())


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
        return await self._counted(self._receive(request))

    async def receive_batch(self, request: Request) -> Response:
        """Receive an array of OpenLineage events."""
        return await self._counted(self._receive_batch(request))

    async def _counted(self, answer: Awaitable[Response]) -> Response:
        try:
            return await answer
        except TraceholdError as error:
            self._metrics.count("tracehold_events_total", outcome=error.code)
            raise

    async def _receive(self, request: Request) -> Response:
        with self._budget.share() as share:
            raw, person = await self._taken(request, share)
            began = time.perf_counter()
            if len(raw) <= _SMALL:
                draft = self._read(raw, person)
            else:
                draft = await run_in_threadpool(self._read, raw, person)
            receipt = await self._landing.wait(self._services.journal.submit(draft))
        self._wake()
        self._metrics.add(
            (_DUPLICATE if receipt.duplicate else _ACCEPTED, 1),
            (_BYTES, len(raw)),
            (_SECONDS, time.perf_counter() - began),
        )
        answer = {"receipt": receipt.fact_id, "duplicate": receipt.duplicate}
        return Response(msgspec.json.encode(answer), 201, media_type="application/json")

    async def _receive_batch(self, request: Request) -> Response:
        with self._budget.share() as share:
            raw, person = await self._taken(request, share)
            began = time.perf_counter()
            outcomes: list[Outcome] = []
            size = 0
            for some in pieces(await run_in_threadpool(split, raw)):
                read = await run_in_threadpool(self._read_all, some, person)
                landed = await self._landed(read)
                outcomes += landed
                size += sum(
                    memoryview(event).nbytes
                    for event, one in zip(some, landed, strict=True)
                    if isinstance(one, Receipt)
                )
        self._wake()
        answer = report(outcomes)
        self._metrics.add(
            *Counter(map(_counter, outcomes)).items(),
            (_BYTES, size),
            (_SECONDS, time.perf_counter() - began),
        )
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _taken(self, request: Request, share: Share) -> tuple[bytes, Person]:
        """The body, and who sent it, looked up again once the body is there."""
        authorize(request.state.person, "lineage.receive")
        raw = await read_body(request, limit=self._limit, share=share)
        person: Person = request.state.identify()
        authorize(person, "lineage.receive")
        return raw, person

    def _read(self, raw: bytes, person: Person) -> Draft:
        return receive(
            raw,
            actor=person.id,
            scrubber=self._services.scrubber,
            max_bytes=self._limit,
            reach=person.may_report if person.namespaces else None,
        )

    def _read_all(
        self, events: Sequence[msgspec.Raw], person: Person
    ) -> list[Draft | TraceholdError]:
        read: list[Draft | TraceholdError] = []
        for event in events:
            try:
                read.append(self._read(bytes(event), person))
            except TraceholdError as error:
                read.append(error)
        return read

    async def _landed(self, read: Sequence[Draft | TraceholdError]) -> list[Outcome]:
        """What came of events, all on their way together."""
        outcomes: list[Outcome | asyncio.Future[Receipt]] = []
        for one in read:
            try:
                outcomes.append(
                    self._landing.wait(self._services.journal.submit(one))
                    if isinstance(one, Draft)
                    else one
                )
            except TraceholdError as error:
                outcomes.append(error)
        landed: list[Outcome] = []
        for waiting in outcomes:
            try:
                landed.append(await waiting if isinstance(waiting, asyncio.Future) else waiting)
            except TraceholdError as error:
                landed.append(error)
        return landed

    def _wake(self) -> None:
        if self._services.advancer is not None:
            self._services.advancer.wake()


def _counter(outcome: Outcome) -> Key:
    if isinstance(outcome, TraceholdError):
        return ("tracehold_events_total", (("outcome", outcome.code),))
    return _DUPLICATE if outcome.duplicate else _ACCEPTED
