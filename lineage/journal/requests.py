"""Idempotency: keyed digests by which a repeated request is recognized.

The digests are HMACs under the workspace secret, so that what remains after a part was erased
tells nobody without the secret what was in it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from lineage.facts import Draft

__all__ = ["Request", "Requests"]

_LENGTH = 16


class Request(NamedTuple):
    """One digest to look up.

    ``content`` is None where the key itself covers the content; else a repetition must agree in it.
    """

    key: bytes
    content: bytes | None


class Requests:
    """Derives the request digests of drafts of one workspace."""

    def __init__(self, secret: bytes) -> None:
        """``secret`` is the workspace secret."""
        self._mac = hmac.new(secret, b"tracehold/request/1\0", hashlib.sha256)

    def of(self, draft: Draft) -> list[Request]:
        """The digests of a draft: of its explicit key and of its bytes, where it has them."""
        requests = []
        if draft.explicit_key is not None:
            content = draft.idempotency
            if content is None:
                content = b"\0".join((draft.kind.encode(), draft.body, draft.raw or b""))
            key = draft.explicit_key.encode("utf-8", "surrogatepass")
            requests.append(
                Request(
                    self._digest(b"key", draft.actor, key), self._digest(b"content", "", content)
                )
            )
        if draft.idempotency is not None:
            requests.append(Request(self._digest(b"bytes", draft.actor, draft.idempotency), None))
        return requests

    def _digest(self, purpose: bytes, actor: str, data: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(b"\0".join((purpose, actor.encode(), b"")))
        mac.update(data)
        return mac.digest()[:_LENGTH]
