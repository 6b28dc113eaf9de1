"""Events that go together to ``POST /api/v1/lineage/batch``, and what its answer says. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from lineage.facts import Json
from tracehold.relay.spool import Waiting

__all__ = ["Group", "cause", "groups", "untaken"]

_MOST_BYTES: Final = 1024 * 1024
"""Unpacked. More of one kind may pack so well that a server takes it for a bomb."""
_MOST_CAUSE: Final = 300

_one_value = msgspec.json.Decoder(msgspec.Raw).decode


class Group(NamedTuple):
    """Events of one sender, in order, and the array of them; empty where one goes alone."""

    events: list[Waiting]
    body: bytes


def groups(page: Sequence[Waiting], *, own_token: bool) -> Iterator[Group]:
    """The events of a page in their order, those together that can be.

    Args:
        page: What waits.
        own_token: Whether the relay sends in its own name, so that senders do not matter.
    """
    events: list[Waiting] = []
    parts: list[bytes] = []
    size = 0

    def made() -> Iterator[Group]:
        nonlocal size
        if events:
            body = b"[" + b",".join(parts) + b"]" if len(events) > 1 else b""
            yield Group(list(events), body)
        events.clear()
        parts.clear()
        size = 0

    for event in page:
        raw = _lone_value(event.packed)
        foreign = bool(events) and not own_token and events[-1].token != event.token
        if raw is None or foreign or size + len(raw) + 2 > _MOST_BYTES:
            yield from made()
        events.append(event)
        if raw is None:
            yield from made()
        else:
            parts.append(raw)
            size += len(raw) + 1
    yield from made()


def _lone_value(packed: bytes) -> bytes | None:
    """The bytes of an event that may stand in an array; None where it must go alone.

    With blanks around it, it would count as another event than the same one alone.
    """
    unpacking = zlib.decompressobj(wbits=31)
    raw = unpacking.decompress(packed, _MOST_BYTES)
    if not unpacking.eof or raw != raw.strip():
        return None
    try:
        _one_value(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    return raw


def untaken(body: bytes, count: int) -> frozenset[int] | None:
    """Places of the events that a server did not take; None where it does not say of each.

    Args:
        body: Of its answer.
        count: How many events were sent.
    """
    said = _json(body)
    summary, failed = said.get("summary"), said.get("failed_events")
    if not isinstance(summary, dict) or not isinstance(failed, list):
        return None
    named = [one.get("index") if isinstance(one, dict) else None for one in failed]
    places = frozenset(range(count)).intersection(one for one in named if isinstance(one, int))
    figures = (summary.get("received"), summary.get("successful"), len(failed))
    return places if figures == (count, count - len(places), len(places)) else None


def cause(body: bytes) -> str:
    """Why a server refused an event, in one line; empty where it does not say so as ours do."""
    said = _json(body)
    what = [said[name] for name in ("code", "what", "where") if isinstance(said.get(name), str)]
    line = ": ".join(one for one in what if one)[:_MOST_CAUSE]
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _json(body: bytes) -> dict[str, Json]:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
