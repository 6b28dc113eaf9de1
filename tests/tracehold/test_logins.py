"""One-time codes: ten minutes, one use, few guesses."""

from __future__ import annotations

import pytest

from lineage.errors import Unauthenticated
from tracehold.logins import CODE_MILLIS, SESSION_MILLIS, Logins


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


def test_a_code_opens_one_session_and_is_used_up() -> None:
    logins = Logins(Clock())
    code = logins.open("p1")
    session = logins.exchange(code)
    assert logins.person_of(session) == "p1"
    with pytest.raises(Unauthenticated):
        logins.exchange(code)
    logins.close(session)
    assert logins.person_of(session) is None


def test_a_code_may_be_typed_in_small_letters_and_without_the_dash() -> None:
    logins = Logins(Clock())
    code = logins.open("p1")
    assert logins.person_of(logins.exchange(code.lower().replace("-", " "))) == "p1"


def test_a_code_ends_after_ten_minutes_and_a_session_after_twelve_hours() -> None:
    clock = Clock()
    logins = Logins(clock)
    code = logins.open("p1")
    clock.now += CODE_MILLIS
    with pytest.raises(Unauthenticated):
        logins.exchange(code)
    session = logins.exchange(logins.open("p1"))
    clock.now += SESSION_MILLIS - 1
    assert logins.person_of(session) == "p1"
    clock.now += 1
    assert logins.person_of(session) is None


def test_a_new_code_voids_the_one_before_of_the_same_person_only() -> None:
    logins = Logins(Clock())
    first, other, second = logins.open("p1"), logins.open("p2"), logins.open("p1")
    with pytest.raises(Unauthenticated):
        logins.exchange(first)
    assert logins.person_of(logins.exchange(other)) == "p2"
    assert logins.person_of(logins.exchange(second)) == "p1"


def test_too_many_guesses_void_every_open_code() -> None:
    logins = Logins(Clock())
    code = logins.open("p1")
    for number in range(20):
        with pytest.raises(Unauthenticated):
            logins.exchange(f"GUESS-{number:05d}")
    with pytest.raises(Unauthenticated):
        logins.exchange(code)


def test_neither_code_nor_session_is_kept_in_clear() -> None:
    logins = Logins(Clock())
    code = logins.open("p1")
    assert code.replace("-", "") not in str(vars(logins))
    session = logins.exchange(code)
    assert session not in str(vars(logins))
