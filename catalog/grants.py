"""Grants: what opens more to a person than the rules of the workspace do, why, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lineage.facts import Json
from lineage.state.port import AspectValue

__all__ = ["Grant", "grants_of"]


@dataclass(frozen=True, slots=True)
class Grant:
    """A right to look, given to one person.

    Attributes:
        grant: Its id.
        namespaces: Patterns of the namespaces it opens; ``*`` stands for anything.
        classes: Guarded classes of sensitivity that it opens there.
        reason: Why.
        given_by: Opaque id of who gave it.
        given: When, epoch milliseconds.
        expires: From when on it opens nothing any more, epoch milliseconds.
        ended: When it was taken back; None while it was not.
    """

    grant: str
    namespaces: tuple[str, ...]
    classes: tuple[str, ...]
    reason: str
    given_by: str
    given: int
    expires: int
    ended: int | None = None

    def holds(self, now: int) -> bool:
        """Whether it is in force at a moment, epoch milliseconds."""
        return self.ended is None and now < self.expires

    def as_dict(self) -> dict[str, Json]:
        """The grant as JSON."""
        return {
            "grant": self.grant,
            "namespaces": list(self.namespaces),
            "classes": list(self.classes),
            "reason": self.reason,
            "given_by": self.given_by,
            "given": self.given,
            "expires": self.expires,
            "ended": self.ended,
        }


def grants_of(aspects: Mapping[str, Sequence[AspectValue]]) -> tuple[Grant, ...]:
    """All grants that a person ever had, by id, from the aspects ``grant`` and ``grant_ended``."""
    ended = {value.slot: value.time for value in aspects.get("grant_ended", ())}
    found = [
        Grant(
            grant=value.slot,
            namespaces=tuple(value.value["namespaces"]),
            classes=tuple(value.value["classes"]),
            reason=str(value.value["reason"]),
            given_by=value.actor,
            given=value.time,
            expires=int(value.value["expires"]),
            ended=ended.get(value.slot),
        )
        for value in aspects.get("grant", ())
    ]
    return tuple(sorted(found, key=lambda one: one.grant))
