"""Scrubbing on the way in: lexical, narrow, cached by facet digest.

Where text written by people or values from data are expected, they are masked before anything is
stored outside the encrypted raw part. Names (datasets, jobs, columns) are never touched. Deeper
scrubbers implement the same protocol.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from lineage.facts import Json
from lineage.openlineage.errors import NotAnEvent, TooDeep
from lineage.openlineage.forms.common import URI
from lineage.openlineage.masks import mask_error, mask_free_text, mask_sql, mask_stack
from lineage.openlineage.standard import breach, form_of

__all__ = ["DEPTH_LIMIT", "Cleaned", "LexicalScrubber", "Scrubber"]

DEPTH_LIMIT = 200
"""Levels of JSON nesting that are accepted inside one facet."""

_CACHE_BYTES = 32 * 1024 * 1024
_CACHED_FACET = 256 * 1024
_PIECE = 2047
_LARGE = 1024 * 1024
"""A larger facet is taken apart before it is decoded: as objects it takes ten times its bytes."""
_SMALL = 64 * 1024
_SPACE = b" \t\r\n"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_URI = re.compile(URI)
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A facet as it is stored: canonical JSON bytes, and what was found: (code, place in it)."""

    value: msgspec.Raw
    findings: tuple[tuple[str, str], ...]


class Scrubber(Protocol):
    """Masks what must not be stored in clear. Pure: same bytes in, same bytes out."""

    def clean(self, facet: str, raw: bytes) -> Cleaned:
        """Scrub one facet (or, with an empty name, one unknown member of the event).

        Raises:
            NotAnEvent: The bytes are not JSON.
            TooDeep: They nest deeper than ``DEPTH_LIMIT``.
        """
        ...


_Walk = Callable[[str, str], str]

# Facets made of names, times and numbers of the standard, and our own: stored verbatim but for
# members that hold free text.
_VERBATIM = frozenset(
    {
        "schema", "columnLineage", "lineage", "symlinks", "dataSource", "version", "storage",
        "lifecycleStateChange", "ownership", "datasetType", "hierarchy", "catalog", "jobType",
        "nominalTime", "parent", "processing_engine", "externalQuery", "jobDependencies",
        "sourceCodeLocation", "inputStatistics", "outputStatistics", "dataQualityMetrics",
        "dataQualityAssertions", "iceberg_scan_report", "iceberg_commit_report",
    }
)  # fmt: skip
_NESTING = (dict, list)
_FREE_TEXT = frozenset({"description", "expected", "actual", "content", "message", "errorMessage"})
_SECRETS = ("password", "passwd", "secret", "token", "api_key", "apikey", "accesskey", "access_key")


@lru_cache(4096)
def _is_secret(member: str) -> bool:
    lowered = member.lower()
    return any(word in lowered for word in _SECRETS)


def _unknown(member: str, text: str) -> str:
    if member in ("_producer", "_schemaURL"):
        return text
    return "[credential]" if _is_secret(member) else mask_free_text(text)


def _sql(member: str, text: str) -> str:
    return mask_sql(text) if member == "query" else _unknown(member, text)


def _source(member: str, text: str) -> str:
    return text if member.startswith("_") else mask_free_text(text)


def _error(member: str, text: str) -> str:
    if member in ("message", "errorMessage"):
        return mask_error(text)
    return mask_stack(text) if member == "stackTrace" else _unknown(member, text)


def _values(member: str, text: str) -> str:
    return "[masked]" if member == "value" else _unknown(member, text)


_RULES: dict[str, _Walk] = {
    "sql": _sql,
    "sourceCode": _source,
    "errorMessage": _error,
    "extractionError": _error,
    "environmentVariables": _values,
    "executionParameters": _values,
}


def _is_verbatim(facet: str) -> bool:
    return facet in _VERBATIM or facet.startswith("tracehold_")


def _scrub(facet: str, value: Json, member: str = "", depth: int = 0) -> Json:
    """The value with everything masked that its facet does not vouch for; may change ``value``."""
    if _is_verbatim(facet):
        if type(value) in _NESTING:
            _mask_members(value, member, depth)
        elif type(value) is str and member in _FREE_TEXT:
            return mask_free_text(value)
        return value
    rule = _RULES.get(facet, _unknown)
    return _walk(value, member, rule, rule is _values, depth)


def _scrub_pieces(facet: str, raw: msgspec.Raw, member: str = "", depth: int = 0) -> bytes:
    """The same of JSON that is too large to be decoded at once, encoded."""
    view = memoryview(raw)
    lead = bytes(view[:_PIECE]).lstrip(_SPACE)[:1] if view.nbytes > _SMALL else b""
    if lead not in (b"{", b"["):
        return _encode(_scrub(facet, msgspec.json.decode(raw), member, depth))
    if depth >= DEPTH_LIMIT:
        raise _too_deep()
    if lead == b"[":
        items = _LIST.decode(raw)
        return b"[%b]" % b",".join(_scrub_pieces(facet, one, member, depth + 1) for one in items)
    members = _OBJECT.decode(raw)
    inner = member if _is_secret(member) and not _is_verbatim(facet) else None
    return b"{%b}" % b",".join(
        b"%b:%b" % (_encode(name), _scrub_pieces(facet, members[name], inner or name, depth + 1))
        for name in sorted(members)
    )


def _mask_members(value: Json, member: str, depth: int) -> None:
    """Mask free text in place: nearly all of a verbatim facet stays, so nothing is built anew."""
    if depth >= DEPTH_LIMIT:
        raise _too_deep()
    items = value.items() if type(value) is dict else enumerate(value)
    for place, inner in items:
        own = place if type(place) is str else member
        if type(inner) is str:
            if own in _FREE_TEXT:
                value[place] = mask_free_text(inner)
        elif type(inner) in _NESTING:
            _mask_members(inner, own, depth + 1)


def _too_deep() -> TooDeep:
    return TooDeep("the event nests too deep", advice=f"keep below {DEPTH_LIMIT} levels")


def _walk(value: Json, member: str, rule: _Walk, masked: bool, depth: int) -> Json:
    kind = type(value)
    if kind is str:
        return rule(member, value)
    if kind in _NESTING:
        if depth >= DEPTH_LIMIT:
            raise _too_deep()
        # What a secret holds is secret, whatever it calls its own members.
        own = kind is dict and not _is_secret(member)
        items: Iterable[tuple[Any, Json]] = value.items() if kind is dict else enumerate(value)
        for place, inner in items:
            name = place if own else member
            if type(inner) is str:
                value[place] = rule(name, inner)
            elif masked or type(inner) in _NESTING:
                value[place] = _walk(inner, name, rule, masked, depth + 1)
        return value
    if masked and member == "value" and value is not None:
        return "[masked]"
    return value


def _flaws(facet: str, value: Json) -> tuple[tuple[str, str], ...]:
    if not facet:
        return ()
    if value is None:
        return (("facet-null", ""),)
    if not isinstance(value, dict):
        return (("facet-not-an-object", ""),)
    found: list[tuple[str, str]] = []
    for member, name in (("_producer", "producer"), ("_schemaURL", "schema-url")):
        given = value.get(member)
        if not isinstance(given, str):
            found.append((f"facet-without-{name}", ""))
        elif not _URI.fullmatch(given):
            found.append((f"facet-{name}-no-uri", ""))
    if not isinstance(value.get("_deleted", False), bool):
        found.append(("facet-deleted-not-boolean", ""))
    place = breach(value)
    if place is not None:
        found.append(("facet-off-schema", place))
    return tuple(found)


def _cleaned_pieces(facet: str, raw: bytes) -> tuple[tuple[tuple[str, str], ...] | None, bytes]:
    """Flaws and bytes of a large facet; no flaws where it must be judged by the standard."""
    if raw.lstrip(_SPACE)[:1] != b"{":
        return None, b""
    head = {
        name: msgspec.json.decode(one)
        for name, one in _OBJECT.decode(raw).items()
        if name in ("_producer", "_schemaURL", "_deleted")
    }
    if form_of(head) is not None:
        return None, b""
    return _flaws(facet, head), _scrub_pieces(facet, msgspec.Raw(raw))


def _digest(raw: bytes) -> bytes:
    """Digest of a facet, in pieces of a size for which Python keeps its lock.

    Above it the lock is let go, and a busy fold gives it back only after milliseconds: longer than
    all the rest of reading an event takes.
    """
    state = hashlib.blake2b(digest_size=20)
    for start in range(0, len(raw), _PIECE):
        state.update(raw[start : start + _PIECE])
    return state.digest()


class LexicalScrubber:
    """The default scrubber. Safe to share between threads: a lost cache entry is only work."""

    def __init__(self) -> None:
        self._cache: dict[tuple[str, bytes], Cleaned] = {}
        self._held = 0

    def clean(self, facet: str, raw: bytes) -> Cleaned:
        """Scrub one facet; see ``Scrubber.clean``."""
        key = (facet, _digest(raw))
        known = self._cache.get(key)
        if known is not None:
            return known
        try:
            flaws, stored = _cleaned_pieces(facet, raw) if len(raw) > _LARGE else (None, b"")
            if flaws is None:
                value = msgspec.json.decode(raw)
                flaws = _flaws(facet, value)
                stored = _encode(_scrub(facet, value))
        except RecursionError as error:
            raise TooDeep("the event nests too deep", where=facet) from error
        except (msgspec.DecodeError, UnicodeError, OverflowError, ValueError) as error:
            raise NotAnEvent(
                "the event holds text that is not JSON",
                where=f"facet {facet}" if facet else "",
                advice="send UTF-8 JSON: no NaN, no lone surrogates, no numbers beyond a double",
            ) from error
        cleaned = Cleaned(msgspec.Raw(stored), flaws)
        if len(raw) <= _CACHED_FACET:
            self._keep(key, cleaned, len(stored))
        return cleaned

    def _keep(self, key: tuple[str, bytes], cleaned: Cleaned, size: int) -> None:
        if self._held > _CACHE_BYTES:
            self._cache = {}
            self._held = 0
        self._cache[key] = cleaned
        self._held += size + 200
