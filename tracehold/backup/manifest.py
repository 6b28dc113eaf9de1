"""The manifest of a backup: every file with its digest, signed with the journal's key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from lineage.durable import sync
from lineage.errors import InvalidInput, Unavailable
from lineage.journal.checkpoint import BadSignature, Signer, Verifier, sign_note, verify_note

__all__ = [
    "DATA",
    "KEYS",
    "MANIFEST",
    "NOTE",
    "WORKSPACE",
    "BackupFile",
    "Manifest",
    "read",
    "seal",
]

MANIFEST: Final = "backup.json"
NOTE: Final = "backup.note"
DATA: Final = "data"
KEYS: Final = "keys"
WORKSPACE: Final = "workspace"
_TITLE: Final = "tracehold.dev/backup-manifest@v1"
_FORMAT: Final = "tracehold.backup/1"


class BackupFile(msgspec.Struct, frozen=True):
    """A file of the backup: its path below the folder, its size in bytes, its SHA-256."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of a backup holds.

    Attributes:
        backup: Format of this file.
        id: Random; the folder with the data and the one with the keys have the same.
        holds: ``all``, ``data`` without keys, or ``keys`` alone.
        taken: Epoch milliseconds.
        release: Release of Tracehold that took it.
        origin: Origin of the journal.
        facts: Facts of the journal in it.
        checkpoint: The signed note over these facts.
        erasures: How many of the facts say that a part is erased.
        files: Every other file.
    """

    backup: str = _FORMAT
    id: str
    holds: Literal["all", "data", "keys"]
    taken: int
    release: str
    origin: str
    facts: int
    checkpoint: str
    erasures: int
    files: tuple[BackupFile, ...] = ()


def seal(folder: Path, manifest: Manifest, signer: Signer) -> Manifest:
    """Write manifest and note over every file in a folder, and sync all of it.

    Raises:
        OSError: It cannot be written.
    """
    files = tuple(
        BackupFile(path.relative_to(folder).as_posix(), path.stat().st_size, _sha256(path))
        for path in _files(folder)
    )
    sealed = msgspec.structs.replace(manifest, files=files)
    text = msgspec.json.format(msgspec.json.encode(sealed, order="sorted"), indent=2) + b"\n"
    (folder / MANIFEST).write_bytes(text)
    body = f"{_TITLE}\n{hashlib.sha256(text).hexdigest()}\n"
    (folder / NOTE).write_text(sign_note(signer, body), "utf-8")
    for path in (*_files(folder), folder / MANIFEST, folder / NOTE):
        sync(path)
    for path in (*(p for p in folder.rglob("*") if p.is_dir()), folder):
        sync(path)
    return sealed


def read(
    folder: Path, verifier: Verifier | None, *, progress: Callable[[int], None] = lambda _: None
) -> Manifest:
    """Read the manifest of a folder and compare every file with it.

    Args:
        folder: A backup, or a folder with the keys of one.
        verifier: Of the keys that belong to it; None compares digests alone.
        progress: Told the bytes that are compared.

    Raises:
        InvalidInput: This is no backup.
        Unavailable: A file is missing or changed, or the keys are of another workspace.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
        note = (folder / NOTE).read_text("utf-8")
        manifest = msgspec.json.decode(text, type=Manifest)
    except FileNotFoundError:
        raise InvalidInput(
            "this is no backup", where=str(folder), advice="name the folder with backup.json"
        ) from None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        raise _torn(folder / MANIFEST, "cannot be read") from None
    if manifest.backup != _FORMAT:
        raise InvalidInput("the backup has an unknown format", where=manifest.backup[:40])
    if f"\n{hashlib.sha256(text).hexdigest()}\n" not in note:
        raise _torn(folder / MANIFEST, "is not what was written")
    if verifier is not None:
        try:
            verify_note(note, verifier)
        except BadSignature as error:
            raise Unavailable(
                f"the keys are not those of this backup: {error.what}", where=str(folder),
                advice="name the keys that were backed up with it: --keys FOLDER",
            ) from error  # fmt: skip
    _compare(folder, manifest, progress)
    return manifest


def _compare(folder: Path, manifest: Manifest, progress: Callable[[int], None]) -> None:
    done = 0
    for file in manifest.files:
        path = folder / file.path
        if ".." in Path(file.path).parts or Path(file.path).is_absolute():
            raise _torn(folder / MANIFEST, "names a path outside the backup")
        try:
            same = path.stat().st_size == file.bytes and _sha256(path) == file.sha256
        except OSError:
            raise _torn(path, "is missing or cannot be read") from None
        if not same:
            raise _torn(path, "is not what was written")
        done += file.bytes
        progress(done)


def _torn(path: Path, how: str) -> Unavailable:
    return Unavailable(
        f"the backup is torn: {path.name} {how}", where=str(path),
        advice="copy the backup again from where it is whole, or use another one",
    )  # fmt: skip


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in (folder / MANIFEST, folder / NOTE):
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
