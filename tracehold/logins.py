"""One-time codes and sessions of the web pages; both live in the memory of the server.

A code is typed by a person, so it is short; that is made good by ten minutes, a single use, and by
voiding all open codes when too many wrong ones come in. A session is a long random value in an
HttpOnly cookie; only its hash is kept, and what its owner may do is asked anew at every request.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass
from typing import Final

from lineage.clock import Clock
from lineage.errors import Unauthenticated

__all__ = ["CODE_MILLIS", "SESSION_MILLIS", "Logins"]

CODE_MILLIS: Final = 10 * 60 * 1000
"""How long a code can be used."""
SESSION_MILLIS: Final = 12 * 60 * 60 * 1000
"""How long a session lasts."""

# Crockford's alphabet: no letter that is mistaken for a digit. Ten of them are 50 bits.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HALF: Final = 5
_GUESSES: Final = 20


@dataclass(frozen=True, slots=True)
class _Grant:
    person: str
    until: int


class Logins:
    """Codes that wait to be used, and sessions that are open."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, _Grant] = {}
        self._sessions: dict[str, _Grant] = {}
        self._wrong = 0

    def open(self, person: str) -> str:
        """A new one-time code for a person; an earlier one of the same person is void.

        Args:
            person: Opaque id.
        """
        digits = "".join(secrets.choice(_ALPHABET) for _ in range(2 * _HALF))
        with self._lock:
            self._codes = {k: g for k, g in self._codes.items() if g.person != person}
            self._codes[_hash(digits)] = _Grant(person, self._clock() + CODE_MILLIS)
            self._wrong = 0
        return f"{digits[:_HALF]}-{digits[_HALF:]}"

    def exchange(self, code: str) -> str:
        """The session that a code opens. The code is used up.

        Raises:
            Unauthenticated: The code is wrong, used, or older than ten minutes.
        """
        plain = code.upper().replace("-", "").replace(" ", "").replace("O", "0")
        now = self._clock()
        with self._lock:
            grant = self._codes.pop(_hash(plain), None)
            if grant is None or grant.until <= now:
                self._wrong += 1
                if self._wrong >= _GUESSES:
                    self._codes.clear()
                raise Unauthenticated(
                    "this code does not open a session",
                    advice="ask for a new one: tracehold user login NAME",
                )
            self._sessions = {k: s for k, s in self._sessions.items() if s.until > now}
            session = secrets.token_urlsafe(32)
            self._sessions[_hash(session)] = _Grant(grant.person, now + SESSION_MILLIS)
            return session

    def person_of(self, session: str) -> str | None:
        """Opaque id of the owner of an open session; None where there is none."""
        with self._lock:
            grant = self._sessions.get(_hash(session))
        return grant.person if grant is not None and grant.until > self._clock() else None

    def end_all(self, person: str) -> None:
        """End every session of a person, and void the open code."""
        with self._lock:
            self._codes = {k: g for k, g in self._codes.items() if g.person != person}
            self._sessions = {k: s for k, s in self._sessions.items() if s.person != person}

    def close(self, session: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_hash(session), None)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
