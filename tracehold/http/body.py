"""Reading a request's body without trusting it: size, unpacking and waiting are bounded."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.requests import Request
from starlette.types import Receive

from lineage.errors import InvalidInput, Unavailable
from lineage.openlineage.errors import TooLarge

__all__ = ["Budget", "Share", "SlowBody", "UnknownEncoding", "read_body"]

_PIECE: Final = 256 * 1024
_CHUNK_SECONDS: Final = 20.0
_MEMBERS: Final = 1024
_RATIO: Final = 100
"""No event packs better than this; a gzip bomb does, 1,000 times."""
_UNSUSPECTED: Final = 1024 * 1024
"""Up to so many bytes the ratio does not matter."""
_DRAIN: Final = 4
"""A body that is too large is read on up to so many limits, so that the sender hears the answer."""


class UnknownEncoding(InvalidInput):
    """The body is packed in a way that is not read here (RFC 9110 §15.5.16)."""

    code = "unknown-encoding"
    http_status = 415


class SlowBody(InvalidInput):
    """The body did not arrive in time."""

    code = "slow-body"
    http_status = 408


class Budget:
    """Bytes of all bodies in flight together, so that memory stays bounded. For one event loop."""

    def __init__(self, total: int) -> None:
        """``total`` is in bytes."""
        self._left = total

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A share of one request, given back at the end of the block."""
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.taken

    def take(self, count: int) -> None:
        """Raises ``Unavailable`` where nothing is left."""
        if count > self._left:
            raise Unavailable(
                "too many large requests at once", advice="send again in a few seconds"
            )
        self._left -= count


class Share:
    """What one request holds of the budget.

    Attributes:
        taken: Bytes.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, count: int) -> None:
        """Raises ``Unavailable`` where nothing is left."""
        self._budget.take(count)
        self.taken += count


async def read_body(request: Request, *, limit: int, share: Share | None = None) -> bytes:
    """The body, unpacked.

    Args:
        request: Its ``Content-Encoding`` may be ``gzip`` or ``identity``; chunked is welcome.
        limit: Most bytes, packed and unpacked alike.
        share: What the request may take from the budget of all.

    Raises:
        TooLarge: More than ``limit`` bytes, before or after unpacking, or packed like a bomb.
        UnknownEncoding: Packed otherwise.
        InvalidInput: The packed bytes are damaged, or the sender went away.
        SlowBody: Nothing came for a while.
        Unavailable: The budget is spent.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise UnknownEncoding(
            "the body's encoding is not read here",
            where="header Content-Encoding",
            advice="send it as gzip or without Content-Encoding",
        )
    declared = request.headers.get("content-length", "")
    pieces = _pieces(request.receive)
    if declared.isdigit() and int(declared) > limit:
        await _drain(pieces, limit)
        raise _too_large(limit)
    unpack = _Gunzip() if "gzip" in encoding else None
    parts: list[bytes] = []
    packed = size = 0
    async for piece in pieces:
        packed += len(piece)
        if packed > limit:
            await _drain(pieces, limit)
            raise _too_large(limit)
        for part in (piece,) if unpack is None else unpack.feed(piece):
            size += len(part)
            if size > limit:
                await _drain(pieces, limit)
                raise _too_large(limit)
            if size > max(_RATIO * packed, _UNSUSPECTED):
                await _drain(pieces, limit)
                raise TooLarge(
                    f"the body unpacks to more than {_RATIO} times its size",
                    where="body",
                    advice="send it without Content-Encoding",
                )
            if share is not None:
                share.take(len(part))
            parts.append(part)
    if unpack is not None:
        unpack.finish()
    return b"".join(parts)


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        try:
            async with asyncio.timeout(_CHUNK_SECONDS):
                message = await receive()
        except TimeoutError:
            raise SlowBody("the body did not arrive in time", advice="send it again") from None
        if message["type"] == "http.disconnect":
            raise InvalidInput("the sender went away before the body was complete")
        more = message.get("more_body", False)
        if piece := message.get("body", b""):
            yield piece


async def _drain(pieces: AsyncIterator[bytes], limit: int) -> None:
    seen = 0
    async for piece in pieces:
        seen += len(piece)
        if seen > _DRAIN * limit:
            return


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {limit} bytes",
        where="body",
        advice=f"the limit is {limit} bytes unpacked; see server.max_event_bytes",
    )


class _Gunzip:
    """Unpacks gzip, several members too (RFC 1952 §2.2), a bounded piece at a time."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._members = 1
        self._fed = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            self._fed = True
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
                self._members += 1
                if self._members > _MEMBERS:
                    raise _damaged()
            yield from self._unpack(packed)
            packed = self._member.unused_data

    def _unpack(self, packed: bytes) -> Iterator[bytes]:
        part = b"-"
        # A full piece can leave more behind even where all input is taken.
        while not self._member.eof and (packed or len(part) == _PIECE):
            try:
                part = self._member.decompress(packed, _PIECE)
            except zlib.error:
                raise _damaged() from None
            packed = self._member.unconsumed_tail
            if part:
                yield part

    def finish(self) -> None:
        if self._fed and not self._member.eof:
            raise _damaged()


def _damaged() -> InvalidInput:
    return InvalidInput(
        "the body is not whole gzip", where="body", advice="send it again, or without gzip"
    )
