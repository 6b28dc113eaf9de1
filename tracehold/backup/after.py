"""After a restore: erasures without a fact get one, deleted content that is back is named."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lineage.clock import Clock
from lineage.journal.erasure import STREAM, Part, PartErased, erase_parts
from lineage.journal.verify import verify_journal
from lineage.refs import DatasetRef
from privacy.deletion.tombstones import check, refuse_return
from privacy.errors import ContentReturned
from privacy.events import IncidentRaised, kind_of
from tracehold.backup.manifest import Manifest
from tracehold.bootstrap import open_services
from tracehold.services import Services
from tracehold.settings import Settings

__all__ = ["Aftermath", "Returned", "settle_restored"]

_SYSTEM: Final = "system"
_LOST: Final = "erasure-lost"
"""Reason of an erasure whose own fact is not in the restored journal."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A file whose content a deletion case purged: its path, and the case."""

    path: str
    case: str


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What was found and recorded.

    Attributes:
        returned: Files that are back although a certificate says that they are gone.
        explained: Parts whose key is destroyed and whose erasure the backup did not have.
        position: Facts in the journal now.
        digest: Digest of the state now.
    """

    returned: tuple[Returned, ...]
    explained: int
    position: int
    digest: str


def settle_restored(
    settings: Settings, manifest: Manifest, *, lost: int, clock: Clock
) -> Aftermath:
    """Put right what an older journal cannot know, before anything is served.

    Args:
        settings: Of the restored workspace.
        manifest: Of the backup.
        lost: Facts that were signed and are not restored; they are an incident.
        clock: Epoch milliseconds.

    Raises:
        Unavailable: The workspace cannot be written.
    """
    with open_services(settings, write=True, clock=clock) as services:
        silent = _unexplained(services)
        if silent:
            erase_parts(services.journal, _SYSTEM, silent, reason=_LOST)
        if lost:
            body = IncidentRaised(
                secrets.token_hex(8),
                f"restored from a backup: {lost} facts were lost",
                "",
                "",
                f"backup {manifest.id} of {manifest.facts} facts",
            )
            services.record(_SYSTEM, kind_of(body), body, "incident")
        returned = tuple(_returned(services))
        services.catch_up()
        return Aftermath(
            returned, len(silent), services.journal.head().size, services.state.digest()
        )


def _unexplained(services: Services) -> list[Part]:
    """Parts that are gone without a fact that says so."""
    storage = services.settings.storage
    gone = set(verify_journal(storage.data, storage.keys).erased)
    for position in services.journal.members(STREAM):
        body = services.journal.at(position).distilled
        if body is not None:
            said = msgspec.json.decode(body, type=PartErased)
            gone.discard(f"{said.fact}/{said.part}")
    parts = sorted(one.split("/") for one in gone)
    return [(fact, "raw" if part == "raw" else "distilled") for fact, part in parts]


def _returned(services: Services) -> Iterator[Returned]:
    """Files with the content of a tombstone; each raises its incident."""
    if not services.state.count("Tombstone"):
        return
    storage = services.settings.storage
    for root in dict.fromkeys((storage.root, storage.sources, storage.models)):
        for path in _files(root):
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            found = check(services.state, services.identity, sha256)
            if found is None:
                continue
            try:
                refuse_return(
                    services.desk, _SYSTEM, ref=str(DatasetRef("file", path.as_posix())),
                    sha256=sha256,
                )  # fmt: skip
            except ContentReturned:
                yield Returned(str(path), found.case)


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path
