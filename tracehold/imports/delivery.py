"""Handing events in: to the server of the workspace, or to its journal where no server runs.

Both doors scrub, judge and keep an event in the same way, and both know an event that was handed in
before. What is refused is named with its place; the others go in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from lineage.errors import Denied, InvalidInput, TraceholdError, Unavailable
from lineage.facts import Draft, Json
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber, Scrubber
from tracehold.access import authorize
from tracehold.client import call
from tracehold.imports.events import Item
from tracehold.imports.report import Report
from tracehold.lock import find_server
from tracehold.settings import Settings

if TYPE_CHECKING:
    from catalog.people import Person
    from tracehold.services import Services

__all__ = ["Door", "Dry", "Local", "Remote", "Tally", "carry", "door"]

_EVENTS: Final = 512
_BYTES: Final = 4 << 20
_FOLD_EVERY: Final = 4096
_SHOWN: Final = 100
_TRIES: Final = 6

Handed = tuple[int, int, list[tuple[int, TraceholdError]]]
"""How many of some events were taken, how many of these were known, and which were refused."""


class Door(Protocol):
    """Takes events, in the order given."""

    def hand_in(self, items: Sequence[Item]) -> Handed:
        """Take some events; a refusal has the place of its event among them."""
        ...


class _Name(msgspec.Struct):
    namespace: str = ""
    name: str = ""


class _Run(msgspec.Struct):
    runId: str = ""  # noqa: N815


class _Event(msgspec.Struct):
    job: _Name | None = None
    run: _Run | None = None
    dataset: _Name | None = None
    inputs: list[_Name] = []
    outputs: list[_Name] = []


_EVENT: Final = msgspec.json.Decoder(_Event)
_JSON: Final = msgspec.json.Decoder(msgspec.Raw)


@dataclass(slots=True)
class Tally:
    """What an import did.

    Attributes:
        events: Events read.
        accepted: Taken for the first time; of a dry run, those that would be taken.
        duplicates: Taken before, byte by byte, from the same person.
        refused: How many were refused.
        refusals: The first hundred of them.
        datasets: Datasets named.
        jobs: Jobs named.
        runs: Runs named.
    """

    events: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    refusals: list[dict[str, str]] = field(default_factory=list)
    datasets: set[tuple[str, str]] = field(default_factory=set)
    jobs: set[tuple[str, str]] = field(default_factory=set)
    runs: set[tuple[str, str, str]] = field(default_factory=set)

    def see(self, item: Item) -> None:
        """Count what an event names."""
        self.events += 1
        try:
            event = _EVENT.decode(item.raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return
        if event.job is not None:
            self.jobs.add((event.job.namespace, event.job.name))
            if event.run is not None:
                self.runs.add((event.job.namespace, event.job.name, event.run.runId))
        named = [*event.inputs, *event.outputs, *([event.dataset] if event.dataset else [])]
        self.datasets.update((one.namespace, one.name) for one in named)

    def add(self, items: Sequence[Item], handed: Handed) -> None:
        """Count what came of some events."""
        taken, known, refusals = handed
        self.accepted += taken - known
        self.duplicates += known
        self.refused += len(refusals)
        for place, error in refusals[: _SHOWN - len(self.refusals)]:
            said = error.as_dict()
            at = f"{items[place].where} {said['where']}".strip()
            self.refusals.append({**said, "where": at})

    def as_dict(self, report: Report) -> dict[str, Json]:
        """As ``--json`` gives it."""
        return {
            "events": self.events,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "datasets": len(self.datasets),
            "jobs": len(self.jobs),
            "runs": len(self.runs),
            "not_mapped": report.as_list(),
            "refusals": self.refusals,
        }


def carry(items: Iterable[Item], door: Door, progress: Callable[[int], None]) -> Tally:
    """Hand all events in, some at a time.

    Args:
        items: From a reader.
        door: From ``door``.
        progress: Told how many events were handed in.

    Raises:
        TraceholdError: As the reader or the door says; what was taken until then stays.
    """
    tally = Tally()
    for some in _portions(items):
        for item in some:
            tally.see(item)
        tally.add(some, door.hand_in(some))
        progress(tally.events)
    return tally


def _portions(items: Iterable[Item]) -> Iterator[list[Item]]:
    some: list[Item] = []
    size = 0
    for item in items:
        if some and (len(some) == _EVENTS or size + len(item.raw) > _BYTES):
            yield some
            some, size = [], 0
        some.append(item)
        size += len(item.raw)
    if some:
        yield some


class Dry:
    """Reads events as the door would, and keeps nothing."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.server.max_event_bytes
        self._scrubber = LexicalScrubber()

    def hand_in(self, items: Sequence[Item]) -> Handed:
        """See ``Door.hand_in``."""
        drafts, refusals = _drafts(items, None, self._scrubber, self._limit)
        return len(drafts), 0, refusals


class Local:
    """Hands in to the journal of a workspace that this process holds."""

    def __init__(self, services: Services, person: Person, *, folded: bool = False) -> None:
        """``folded``: whether somebody folds meanwhile, and need only be told of news."""
        authorize(person, "lineage.receive")
        self._services = services
        self._person = person
        self._folded = folded
        self._unfolded = 0

    def hand_in(self, items: Sequence[Item]) -> Handed:
        """See ``Door.hand_in``."""
        services = self._services
        limit = services.settings.server.max_event_bytes
        drafts, refusals = _drafts(items, self._person, services.scrubber, limit)
        receipts = services.journal.append(drafts) if drafts else []
        self._unfolded += len(drafts)
        if self._folded and services.advancer is not None:
            services.advancer.wake()
        elif self._unfolded >= _FOLD_EVERY:
            self.fold()
        return len(receipts), sum(receipt.duplicate for receipt in receipts), refusals

    def fold(self) -> None:
        """Bring the state up to what was handed in."""
        self._unfolded = 0
        self._services.catch_up()


class Remote:
    """Hands in to a running server, in batches."""

    def __init__(self, url: str, token: str, pause: Callable[[float], None] = time.sleep) -> None:
        """``pause`` waits so many seconds before a batch is sent again."""
        self._url, self._token, self._pause = url, token, pause

    def hand_in(self, items: Sequence[Item]) -> Handed:
        """See ``Door.hand_in``."""
        refusals: list[tuple[int, TraceholdError]] = []
        good: list[int] = []
        for place, item in enumerate(items):
            try:
                _JSON.decode(item.raw)
                good.append(place)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                # One that is no JSON would spoil the whole batch.
                refusals.append(
                    (place, InvalidInput("the event is not JSON", advice="export it again"))
                )
        if not good:
            return 0, 0, refusals
        try:
            answer = self._send(b"[" + b",".join(items[place].raw for place in good) + b"]")
        except InvalidInput as error:
            if len(items) > 1:
                middle = len(items) // 2
                return _joined(self.hand_in(items[:middle]), self.hand_in(items[middle:]), middle)
            return 0, 0, [(0, error)]
        for failed in answer["failed_events"]:
            refusals.append((good[failed["index"]], _refusal(failed)))  # noqa: PERF401
        summary = answer["summary"]
        return summary["successful"], summary["duplicates"], refusals

    def _send(self, body: bytes) -> Json:
        for again in range(_TRIES):
            try:
                return call(self._url, self._token, "lineage/batch", body=body)
            except Denied:
                raise
            except Unavailable:
                if again == _TRIES - 1:
                    raise
                self._pause(2.0**again)
        raise AssertionError


def _refusal(failed: Json) -> InvalidInput:
    if failed["retriable"]:
        raise Unavailable(
            "the server could not keep every event",
            advice="import again: what was taken is not taken twice",
        )
    said = {member: str(failed.get(member, "")) for member in ("where", "advice")}
    return InvalidInput(str(failed["reason"]), **said)


def _joined(first: Handed, second: Handed, middle: int) -> Handed:
    moved = [(place + middle, error) for place, error in second[2]]
    return first[0] + second[0], first[1] + second[1], [*first[2], *moved]


def _drafts(
    items: Sequence[Item], person: Person | None, scrubber: Scrubber, limit: int
) -> tuple[list[Draft], list[tuple[int, TraceholdError]]]:
    drafts: list[Draft] = []
    refusals: list[tuple[int, TraceholdError]] = []
    reach = person.may_report if person is not None and person.namespaces else None
    actor = "" if person is None else person.id
    for place, item in enumerate(items):
        try:
            drafts.append(
                receive(item.raw, actor=actor, scrubber=scrubber, max_bytes=limit, reach=reach)
            )
        except TraceholdError as error:
            refusals.append((place, error))
    return drafts, refusals


@contextmanager
def door(settings: Settings, token: str, *, dry_run: bool, large: bool = False) -> Iterator[Door]:
    """The door of a workspace: its server where one runs, else its journal.

    Args:
        settings: Of the workspace.
        token: Of who imports; needs a role that may report lineage.
        dry_run: True to keep nothing.
        large: Whether there is so much to import that it pays to fold in a process beside this one.

    Raises:
        Denied: The token is not accepted, or may not report lineage.
        Conflict: Another process has the workspace.
    """
    server = None if dry_run else find_server(settings.storage.data)
    if dry_run:
        yield Dry(settings)
    elif server is not None:
        yield Remote(server.url, token)
    else:
        from tracehold.bootstrap import open_services

        with open_services(settings, write=True, apart=large) as services:
            local = Local(services, services.people.by_token(token), folded=large)
            with _folding(services) if large else nullcontext():
                yield local
            local.fold()


@contextmanager
def _folding(services: Services) -> Iterator[None]:
    """Fold what is handed in while more is read."""
    assert services.advancer is not None  # noqa: S101 - who writes has one
    stop = threading.Event()
    thread = threading.Thread(target=services.advancer.run, args=(stop,), name="fold")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        services.advancer.wake()
        thread.join()
