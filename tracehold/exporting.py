"""Exporting the journal as JSON lines: envelopes byte by byte, distilled parts where they exist."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from lineage.errors import Unavailable
from lineage.journal.port import Journal, StoredFact

__all__ = ["export_facts"]

_EVERY: Final = 1000


def export_facts(journal: Journal, out: Path, progress: Callable[[int], None]) -> int:
    """Write every fact to a file that only its owner can read; returns how many.

    Raw parts stay in the journal: they hold what was received, unscrubbed.

    Raises:
        Unavailable: The file exists or cannot be written.
    """
    count = 0
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            for fact in journal.stored():
                file.write(_line(fact))
                count += 1
                if count % _EVERY == 0:
                    progress(count)
    except OSError as error:
        raise Unavailable(
            f"the export cannot be written ({os.strerror(error.errno or 0)})",
            where=str(out),
            advice="name a new file in a folder that you can write to",
        ) from None
    return count


def _line(fact: StoredFact) -> bytes:
    salt = fact.distilled_salt
    line = {
        "position": fact.position,
        "envelope": fact.envelope.decode(),
        "distilled": None if fact.distilled is None else fact.distilled.decode(),
        "distilled_salt": None if salt is None else base64.b64encode(salt).decode(),
    }
    return msgspec.json.encode(line) + b"\n"
