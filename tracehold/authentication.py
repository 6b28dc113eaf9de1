"""Who a token or a session belongs to, remembered for a moment.

A lookup costs a few reads of the state, which is too much for every event of a busy pipeline. So
the answer is kept for some seconds, and forgotten at once when an act changes a person or a token.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Final

from catalog.people import Person, authenticate, person_by_id
from lineage.clock import Clock
from lineage.errors import Unauthenticated
from lineage.identity import Identity
from lineage.state.port import StateReader
from tracehold.logins import Logins

__all__ = ["Authenticator"]

_SECONDS: Final = 5.0
_ENTRIES: Final = 1000


class Authenticator:
    """Turns tokens and sessions into people. Safe to share between threads."""

    def __init__(
        self,
        state: StateReader,
        identity: Identity,
        logins: Logins,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._identity = identity
        self._logins = logins
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Person]] = {}
        self._forgotten = 0

    def by_token(self, token: str) -> Person:
        """The person of a token.

        Raises:
            Unauthenticated: The token is unknown, revoked or expired, or the person is disabled.
        """
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        return self._remembered(
            key, lambda: authenticate(self._state, self._identity, token, self._clock())
        )

    def by_session(self, session: str) -> Person:
        """The person of a session of the web pages.

        Raises:
            Unauthenticated: There is no such session, or the person is disabled.
        """
        person_id = self._logins.person_of(session)
        if person_id is None:
            raise Unauthenticated(
                "the session has ended", advice="log in again: tracehold user login NAME"
            )
        return self._remembered(f"person:{person_id}", lambda: self._by_id(person_id))

    def forget(self) -> None:
        """People or tokens have changed."""
        with self._lock:
            self._known.clear()
            self._forgotten += 1

    def _by_id(self, person_id: str) -> Person:
        person = person_by_id(self._state, self._identity, person_id)
        if person is None or person.disabled:
            raise Unauthenticated("this account is disabled", advice="ask an admin")
        return person

    def _remembered(self, key: str, look_up: Callable[[], Person]) -> Person:
        now = self._monotonic()
        with self._lock:
            known = self._known.get(key)
            before = self._forgotten
        if known is not None and known[0] > now:
            return known[1]
        person = look_up()
        with self._lock:
            if len(self._known) >= _ENTRIES:
                self._known.clear()
            # Read before a change and kept after it, the answer would outlive the change.
            if self._forgotten == before:
                self._known[key] = (now + _SECONDS, person)
        return person
