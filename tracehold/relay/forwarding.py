"""From the spool to the far server, in order, for as long as it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from lineage.errors import Unavailable
from tracehold.faults import summary
from tracehold.http.metrics import Metrics
from tracehold.relay.batching import Group, cause, groups, untaken
from tracehold.relay.spool import Spool, Waiting, pack
from tracehold.relay.target import Answer

__all__ = ["Far", "Forwarder", "Outcome", "judge", "pause"]

_FIRST_SECONDS: Final = 0.25
_MOST_SECONDS: Final = 30.0
_MOST_ASKED: Final = 120.0
_FAULTS: Final = 10
"""An event that meets a fault (500) so often in a row is the cause of it, and is set aside."""
_LOOK_SECONDS: Final = 1.0
_AWAY: Final = frozenset({0, 408, 425, 429, 502, 503, 504})
"""Answers that say nothing about the events of a batch."""
_NO_ROUTE: Final = frozenset({404, 405})


class Far(Protocol):
    """The far server."""

    def post(self, packed: bytes, token: str) -> Answer:
        """Send one event."""
        ...

    def post_batch(self, packed: bytes, token: str) -> Answer:
        """Send an array of events."""
        ...


class Outcome(Enum):
    """What an answer means for the event."""

    TAKEN = "taken"
    REFUSED = "refused"
    LATER = "later"


def judge(status: int, *, faults: int, own_token: bool) -> Outcome:
    """What becomes of an event.

    A wrong address (404, 405, a redirect) and a wrong token of the relay's own are mended by
    settings, so the event waits. What the sender alone could mend is set aside, so that no sender
    holds up the others.

    Args:
        status: What the far server answered; 0 for nothing.
        faults: How often it answered 500 in a row, this time included.
        own_token: Whether the relay sends in its own name.
    """
    if 200 <= status < 300:
        return Outcome.TAKEN
    if status == 500:
        return Outcome.REFUSED if faults >= _FAULTS else Outcome.LATER
    if status in (401, 403):
        return Outcome.LATER if own_token else Outcome.REFUSED
    if 400 <= status < 500 and status not in (404, 405, 408, 425, 429):
        return Outcome.REFUSED
    return Outcome.LATER


def pause(tries: int, asked: float, chance: float) -> float:
    """Seconds until the next try: doubling from a quarter to thirty, half of it by chance.

    Args:
        tries: How often it failed in a row, from 1.
        asked: ``Retry-After`` in seconds, heeded up to two minutes.
        chance: From 0 to 1.
    """
    longest: float = min(_MOST_SECONDS, _FIRST_SECONDS * 2 ** min(tries - 1, 10))
    return max(longest * (0.5 + chance / 2), min(asked, _MOST_ASKED))


class Forwarder:
    """The thread that forwards."""

    def __init__(
        self,
        spool: Spool,
        far: Far,
        *,
        token: str,
        metrics: Metrics,
        chance: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            spool: Where events wait.
            far: Where events go, one by one or several together.
            token: Sent instead of the sender's own; empty to pass that through.
            metrics: Counted in.
            chance: Numbers from 0 to 1.
            tell: Told in one line when the far server goes and comes.
        """
        self._spool = spool
        self._far = far
        self._token = token
        self._metrics = metrics
        self._chance = chance
        self._tell = tell
        self._news = threading.Event()
        self._stopped = threading.Event()
        self._tries = 0
        self._faults = 0
        self._batches = True

    @property
    def reachable(self) -> bool:
        """Whether the last try went well; True before the first."""
        return self._tries == 0

    def wake(self) -> None:
        """Say that something waits."""
        self._news.set()

    def stop(self) -> None:
        """Let it end after the event that it is sending."""
        self._stopped.set()
        self._news.set()

    def run(self) -> None:
        """Forward until stopped."""
        while not self._stopped.is_set():
            self._news.clear()
            try:
                wait = self.forward()
            except Unavailable as error:
                self._tell(f"{error.what}: {error.where}")
                wait = _MOST_SECONDS
            except Exception as error:  # noqa: BLE001 - the thread must not end unseen
                self._tell(f"a fault of ours: {summary(error)}")
                wait = _MOST_SECONDS
            if wait:
                self._stopped.wait(wait)
            else:
                # What another process put back is found without a word.
                self._news.wait(_LOOK_SECONDS)

    def forward(self) -> float:
        """Forward what waits, up to the first event that must wait on.

        Returns:
            Seconds until the next try; 0 when nothing waits any more, or it is stopped.

        Raises:
            Unavailable: The spool cannot be used.
        """
        while page := self._spool.page():
            wait = self._send(page)
            if wait or self._stopped.is_set():
                return wait
        return 0.0

    def _send(self, page: list[Waiting]) -> float:
        taken: list[int] = []
        refused: list[tuple[int, int, str]] = []
        # After a failure a page goes one by one: what fails for batches alone stops nothing.
        together = self._batches and not self._tries
        try:
            for group in groups(page, own_token=bool(self._token)):
                left = group.events
                if together and self._batches and group.body:
                    wait, left = self._send_together(group, taken)
                    if wait:
                        return wait
                for event in left:
                    answer = self._far.post(event.packed, self._token or event.token)
                    outcome = self._heard(answer)
                    self._metrics.count("tracehold_relay_sent_total", outcome=outcome.value)
                    if outcome is Outcome.LATER:
                        return pause(self._tries, answer.retry_after, self._chance())
                    if outcome is Outcome.REFUSED:
                        refused.append((event.id, answer.status, cause(answer.body)))
                    else:
                        taken.append(event.id)
                    if self._stopped.is_set():
                        return 0.0
                if self._stopped.is_set():
                    break
            return 0.0
        finally:
            # Once per page: a crash before it sends these events twice, and they count once.
            self._spool.settle(taken, refused)

    def _send_together(self, group: Group, taken: list[int]) -> tuple[float, list[Waiting]]:
        """Send a group as one array.

        Returns:
            Seconds to wait before all else, and the events that must go one by one: those that the
            far server did not take, whose own answers say why.
        """
        answer = self._far.post_batch(pack(group.body), self._token or group.events[0].token)
        if answer.status in _AWAY:
            self._heard(answer)
            self._metrics.count("tracehold_relay_sent_total", outcome=Outcome.LATER.value)
            return pause(self._tries, answer.retry_after, self._chance()), []
        if answer.status in _NO_ROUTE:
            self._batches = False
            self._tell("the far server takes no batches; events go one by one")
        places = untaken(answer.body, len(group.events)) if 200 <= answer.status < 300 else None
        if places is None:
            return 0.0, group.events
        left = [event for place, event in enumerate(group.events) if place in places]
        taken += [event.id for place, event in enumerate(group.events) if place not in places]
        done = len(group.events) - len(left)
        self._metrics.add((("tracehold_relay_sent_total", (("outcome", "taken"),)), done))
        return 0.0, left

    def _heard(self, answer: Answer) -> Outcome:
        self._faults = self._faults + 1 if answer.status == 500 else 0
        outcome = judge(answer.status, faults=self._faults, own_token=bool(self._token))
        if outcome is Outcome.LATER:
            if not self._tries:
                self._tell(f"waits: {_said(answer.status)}")
            self._tries += 1
        else:
            if self._tries:
                self._tell("goes on")
                # It may have become another release while it was away.
                self._batches = True
            self._tries = self._faults = 0
        return outcome


def _said(status: int) -> str:
    if status == 0:
        return "the far server does not answer"
    if status in (401, 403):
        return f"the far server refuses the relay's token (HTTP {status})"
    if status < 500 and status != 429:
        return f"the far server has no such route (HTTP {status}); check --to"
    return f"the far server cannot take events now (HTTP {status})"
