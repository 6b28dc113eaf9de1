"""Asking another catalog over HTTP: JSON in pages, bounded, with patience, and without detours."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.imports.errors import NotReachable
from tracehold.imports.values import members, parts

__all__ = ["Web", "path_part"]

_ANSWER: Final = 256 << 20
_SECONDS: Final = 60.0
_TRIES: Final = 4
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})


def path_part(text: str) -> str:
    """A name as one part of a path; names hold slashes, colons and anything else."""
    return quote(text, safe="")


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token is for the host that was named."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Web:
    """One catalog, below one address."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Name the catalog.

        Args:
            url: Its address.
            token: Sent as bearer token, where there is one.
            headers: Sent beside it.
            pause: Waits so many seconds before asking again.

        Raises:
            InvalidInput: It is no HTTP address, or holds a password.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                "this is no HTTP address",
                where=url.rpartition("@")[2],
                advice="write it in full: http://HOST:PORT",
            )
        if parts.username or parts.password:
            raise InvalidInput(
                "the address holds a name or password", advice="give a token by the environment"
            )
        self.url = url.rstrip("/")
        self._headers = {"Accept": "application/json", **(headers or {})}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._pause = pause
        self._opener = urllib.request.build_opener(_Straight())

    def get(self, path: str, **query: str | int) -> Json:
        """Ask for a path, with parameters.

        Raises:
            NotReachable: There is no answer, a refusal, or no JSON.
        """
        return self._ask(f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """Ask with a body.

        Raises:
            NotReachable: There is no answer, a refusal, or no JSON.
        """
        return self._ask(path, msgspec.json.encode(body))

    def listed(
        self, path: str, member: str, size: int = 100, **query: str
    ) -> Iterator[Mapping[str, Json]]:
        """All objects of a list that is given by ``limit`` and ``offset``.

        Raises:
            NotReachable: There is no answer, or one says that it is cut short.
        """
        offset = 0
        while True:
            page = self.get(path, limit=size, offset=offset, **query)
            found = parts(members(page).get(member))
            yield from found
            if len(found) < size:
                if members(page).get("complete") is False:
                    raise NotReachable(
                        "the catalog gives out no more of this list, and there is more",
                        where=self._where(path),
                        advice="import an archive of its events instead",
                    )
                return
            offset += size

    def _ask(self, path: str, body: bytes | None) -> Json:
        for again in range(_TRIES):
            try:
                return self._once(path, body)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in _AGAIN or again == _TRIES - 1:
                    raise self._refused(path, error.code) from None
            except (OSError, ValueError):
                if again == _TRIES - 1:
                    raise NotReachable(
                        "the catalog does not answer", where=self._where(path),
                        advice="check the address, and that it can be reached from here",
                    ) from None  # fmt: skip
            self._pause(2.0**again)
        raise AssertionError

    def _once(self, path: str, body: bytes | None) -> Json:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            f"{self.url}/{path}", data=body, headers=headers
        )
        with self._opener.open(request, timeout=_SECONDS) as answer:
            content = answer.read(_ANSWER + 1)
        if len(content) > _ANSWER:
            raise NotReachable("an answer has more than 256 MiB", where=self._where(path))
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise NotReachable(
                "the answer is no JSON", where=self._where(path),
                advice="give the address of its API, not of its pages",
            ) from None  # fmt: skip

    def _refused(self, path: str, status: int) -> NotReachable:
        advice = "give a token" if status in (401, 403) else "check the address"
        return NotReachable(
            f"the catalog answered HTTP {status}", where=self._where(path), advice=advice
        )

    def _where(self, path: str) -> str:
        return f"{self.url}/{path.partition('?')[0]}"
