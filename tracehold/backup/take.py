"""Taking a backup, beside a running server or without one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tracehold
from lineage.clock import Clock
from lineage.durable import sync
from lineage.errors import Conflict, InvalidInput, Unavailable
from lineage.journal.copying import copy_journal
from lineage.journal.files import JOURNAL
from lineage.journal.keys import PARTS, load_keys
from lineage.journal.verify import verify_journal
from tracehold.backup.manifest import DATA, KEYS, MANIFEST, NOTE, WORKSPACE, Manifest, seal
from tracehold.settings import FILE, Settings

__all__ = ["BESIDE", "NOWHERE", "Taken", "copy_key_files", "take_backup"]

BESIDE: Final = Path("beside the data")
NOWHERE: Final = Path("nowhere")


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was taken and verified.

    Attributes:
        target: Where it is.
        keys: Where its keys are; None where none were copied.
        manifest: Of the data.
        bytes: Size of all files.
    """

    target: Path
    keys: Path | None
    manifest: Manifest
    bytes: int


def take_backup(
    settings: Settings,
    target: Path,
    *,
    keys: Path | None,
    clock: Clock,
    progress: Callable[[int], None] = lambda _: None,
) -> Taken:
    """Copy journal, settings and manifests into a new folder, verify the copy, then name it.

    The state is not copied: restoring folds it anew. Data files and models are not either.

    Args:
        settings: Of the workspace.
        target: The folder to make.
        keys: The folder to make for the keys; ``BESIDE`` puts them into the target, ``NOWHERE``
            copies none, None refuses to choose.
        clock: Epoch milliseconds.
        progress: Told the pages of the journal that are copied.

    Raises:
        InvalidInput: It was not said where the keys go, or a folder lies in another.
        Conflict: A folder to make exists.
        Unavailable: Something cannot be read or written, or the copy does not hold.
    """
    if keys is None:
        raise InvalidInput(
            "say where the keys go", where="tracehold backup",
            advice="--keys-to FOLDER keeps them apart, so that who has the data cannot read it;"
            " or --without-keys, or --with-keys",
        )  # fmt: skip
    elsewhere = None if keys in (BESIDE, NOWHERE) else keys.absolute()
    target = target.absolute()
    _refuse_places(settings, target, elsewhere)
    signer = load_keys(settings.storage.keys).signer
    backup_id = secrets.token_hex(16)
    with ExitStack() as stack:
        try:
            data_at = _staging(target, stack)
            keys_at = data_at / KEYS if keys == BESIDE else None
            if elsewhere is not None:
                keys_at = _staging(elsewhere, stack)
            (data_at / DATA).mkdir(mode=0o700)
            if keys_at is not None:
                keys_at.mkdir(mode=0o700, exist_ok=True)
                copy_key_files(settings.storage.keys, keys_at)
            copied = copy_journal(
                settings.storage.data, settings.storage.keys, data_at / DATA, keys_at,
                progress=progress,
            )  # fmt: skip
            _copy_settings(settings, data_at / WORKSPACE)
            _verify(data_at / DATA, keys_at, str(signer.verifier), copied.facts)
            manifest = Manifest(
                id=backup_id,
                holds="all" if keys == BESIDE else "data",
                taken=clock(),
                release=tracehold.__version__,
                origin=settings.origin,
                facts=copied.facts,
                checkpoint=copied.checkpoint,
                erasures=copied.erasures,
            )
            sealed = seal(data_at, manifest, signer)
            size = sum(file.bytes for file in sealed.files)
            # The keys first: data whose keys are nowhere would be the worse half.
            if elsewhere is not None and keys_at is not None:
                of_keys = seal(keys_at, _keys_of(manifest), signer)
                size += sum(file.bytes for file in of_keys.files)
                _name(keys_at, elsewhere)
                stack.callback(_forget_keys, elsewhere, unless=target)
            _name(data_at, target)
        except OSError as error:
            raise Unavailable(
                f"the backup cannot be written ({os.strerror(error.errno or 0)})",
                where=str(target), advice="check its permissions and the space that is left",
            ) from error  # fmt: skip
    at = target / KEYS if keys == BESIDE else elsewhere
    return Taken(target, at, sealed, size)


def copy_key_files(source: Path, target: Path) -> None:
    """Copy every file of a keys folder but the keys of the parts, readable by the owner alone.

    Raises:
        OSError: It cannot be read or written.
    """
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_symlink() or not path.is_file() or path.name.startswith(PARTS):
            continue
        if path.suffix == ".new" or path.name.startswith(".") or path.name in (MANIFEST, NOTE):
            continue
        into = target / relative
        into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(path.read_bytes())


def _keys_of(manifest: Manifest) -> Manifest:
    from msgspec.structs import replace

    return replace(manifest, holds="keys")


def _refuse_places(settings: Settings, target: Path, keys: Path | None) -> None:
    storage = settings.storage
    for made in filter(None, (target, keys)):
        if made.exists():
            raise Conflict(
                "the folder exists already", where=str(made), advice="name one to be made"
            )
        for there in (storage.data, storage.keys, storage.root):
            if made.resolve().is_relative_to(there.resolve()):
                raise InvalidInput(
                    "a backup does not go into the workspace's own folders", where=str(made)
                )
    if keys is not None and (keys.is_relative_to(target) or target.is_relative_to(keys)):
        raise InvalidInput(
            "keys and data are to lie apart", where=str(keys),
            advice="name a place that others cannot read; or say --with-keys",
        )  # fmt: skip


def _staging(target: Path, stack: ExitStack) -> Path:
    """A folder beside the target that is gone when all is over, renamed or not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    made.mkdir(mode=0o700)
    stack.callback(shutil.rmtree, made, ignore_errors=True)
    return made


def _forget_keys(keys: Path, *, unless: Path) -> None:
    """Take back keys that were named when their data could not be."""
    if not unless.exists():
        shutil.rmtree(keys, ignore_errors=True)


def _name(staging: Path, target: Path) -> None:
    staging.rename(target)
    sync(target.parent)


def _copy_settings(settings: Settings, into: Path) -> None:
    into.mkdir(mode=0o700)
    shutil.copyfile(settings.folder / FILE, into / FILE)
    manifests = settings.manifests
    if manifests.is_dir() and manifests.is_relative_to(settings.folder):
        for path in sorted(manifests.rglob("*")):
            if path.is_file() and not path.is_symlink():
                copy = into / path.relative_to(settings.folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


def _verify(data: Path, keys: Path | None, verifier_key: str, facts: int) -> None:
    report = verify_journal(data, keys or verifier_key)
    if report.ok and report.size == facts:
        return
    problem = report.problems[0] if report.problems else None
    raise Unavailable(
        "the journal does not hold: " + (f"{problem.where}, {problem.what}" if problem else "size"),
        where=str(data / JOURNAL),
        advice="run `tracehold journal verify`; a backup of damage would hide it",
    )
