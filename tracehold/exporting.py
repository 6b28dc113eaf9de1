"""Exporting the journal as JSON lines: envelopes byte by byte, distilled parts where they exist."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from lineage.clock import system_clock
from lineage.errors import Unavailable
from lineage.evidence import verify_bundle, verify_log
from lineage.journal.keychain import STREAM as KEYS
from lineage.journal.keys import find_signer
from lineage.journal.port import Journal, StoredFact
from lineage.journal.public_log import open_public_log
from lineage.journal.sqlite import open_journal
from lineage.journal.static_log import write_static_log

__all__ = ["export_facts", "export_log"]

_EVERY: Final = 1000


def export_facts(data: Path, keys: Path, out: Path, progress: Callable[[int], None]) -> int:
    """Write every fact to a file that only its owner can read; returns how many.

    Raw parts stay in the journal: they hold what was received, unscrubbed. Neither signing key nor
    workspace secret is needed, so that what is there can be saved when they are lost.

    Raises:
        Unavailable: The file exists or cannot be written, or there is no readable journal.
    """
    journal = open_journal(data, keys, origin="", clock=system_clock, read_only=True)
    try:
        return _export(journal, out, progress)
    finally:
        journal.close()


def export_log(data: Path, keys: Path, out: Path, progress: Callable[[int], None]) -> int:
    """Write envelopes and tree as C2SP tlog-tiles, with verifiers; returns how many envelopes.

    No part is opened and no key is needed; where the signing key is there, it signs the stream of
    the keys, by which the holder of a former key follows to the present one.

    Raises:
        Conflict: The folder exists.
        NotFound: Nothing is recorded yet.
        Unavailable: It cannot be written, or there is no readable journal.
    """
    signer = find_signer(keys)
    with open_public_log(data, signer) as log:
        extra = {
            "verify.py": Path(verify_bundle.__file__).read_bytes(),
            "verify_log.py": Path(verify_log.__file__).read_bytes(),
            "verifier.keys": "".join(f"{key}\n" for key in log.chain().keys).encode(),
        }
        if signer is not None:
            extra["keys.json"] = log.stream(KEYS).as_json()
        return write_static_log(log, out, extra=extra, progress=progress).size


def _export(journal: Journal, out: Path, progress: Callable[[int], None]) -> int:
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
