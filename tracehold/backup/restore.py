"""Restoring a backup: rehearsed on copies first, and no erasure is taken back.

The journal is put in its place last. Until then the workspace has none, so that nothing serves and
a restore that was cut off can be begun anew.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lineage.clock import Clock
from lineage.durable import sync
from lineage.errors import Conflict, InvalidInput, Unavailable
from lineage.identity import Identity
from lineage.journal.checkpoint import BadSignature, claimed_size, parse_checkpoint, verify_note
from lineage.journal.copying import copy_parts
from lineage.journal.erasure import finish_erasures
from lineage.journal.files import JOURNAL, connect_reader, unreadable
from lineage.journal.keychain import BrokenChain, stored_chain
from lineage.journal.keys import PARTS, SIGNING_KEY, WorkspaceKeys, load_keys, load_secret
from lineage.journal.sqlite import open_journal
from lineage.journal.verify import verify_journal
from lineage.state.rebuild import rebuild
from tracehold.backup.after import Aftermath, settle_restored
from tracehold.backup.manifest import DATA, KEYS, MANIFEST, WORKSPACE, Manifest, read
from tracehold.backup.take import copy_key_files
from tracehold.lock import WorkspaceLock
from tracehold.registry import STATE, make_registry
from tracehold.settings import FILE, Settings, StorageSettings, load

__all__ = ["Restored", "restore_backup"]

_STAGE: Final = ".restore"


@dataclass(frozen=True, slots=True)
class Restored:
    """What restoring did, or would do.

    Attributes:
        folder: The workspace.
        manifest: Of the backup.
        keys: Where the keys came from.
        digest: Digest of the state that was folded from the restored journal.
        lost: Facts that the keys knew to be signed and that the backup does not have.
        erased_again: Keys of erased parts that the backup had brought back.
        kept: Settings and manifests that were there already and were left as they are.
        aftermath: What was recorded afterwards; None where nothing was restored.
    """

    folder: Path
    manifest: Manifest
    keys: Path
    digest: str
    lost: int
    erased_again: int
    kept: tuple[str, ...]
    aftermath: Aftermath | None = None


def restore_backup(
    source: Path,
    folder: Path,
    *,
    keys: Path | None = None,
    accept_loss: bool = False,
    dry_run: bool = False,
    clock: Clock,
    progress: Callable[[int], None] = lambda _: None,
) -> Restored:
    """Restore a workspace from a backup.

    Keys that the workspace still has are used as they are: they are newer, and what was erased
    since the backup stays erased. Otherwise the keys come from ``keys`` or from the backup.

    Args:
        source: The backup.
        folder: The workspace; made where it is missing. Files in it are never overwritten.
        keys: The folder with the keys of the backup.
        accept_loss: Restore a journal that is older than the keys.
        dry_run: Check and rehearse everything, change nothing.
        clock: Epoch milliseconds.
        progress: Told how far the current step is.

    Raises:
        InvalidInput: This is no backup, or there are no keys for it.
        Conflict: The workspace has a journal, or a process works in it.
        Unavailable: The backup is torn, older than the keys, or of other keys, or the disk
            refuses; the error names which.
    """
    folder = folder.absolute()
    settings = _settings(source, folder)
    storage = settings.storage
    if (storage.data / JOURNAL).exists():
        raise Conflict(
            "the workspace has a journal already", where=str(storage.data / JOURNAL),
            advice="restore into another folder, or move this one away first",
        )  # fmt: skip
    from_keys = _keys_for(source, storage, keys)
    manifest = read(source, load_keys(from_keys).signer.verifier, progress=progress)
    if (from_keys / MANIFEST).exists():
        read(from_keys, load_keys(from_keys).signer.verifier)
    there, made = storage.data.exists(), False
    try:
        lock = WorkspaceLock.acquire(storage.data, clock)
        stage = storage.data / _STAGE
        try:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir(mode=0o700)
            restoring = _Restoring(source, settings, manifest, stage, clock, progress)
            rehearsed = restoring.rehearse(from_keys, accept_loss=accept_loss)
            if not dry_run:
                restoring.carry_out(from_keys)
                made = True
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            lock.release()
            if not there and not made:
                _forget(storage.data, folder)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            f"the workspace cannot be written ({_cause(error)})",
            where=str(storage.data),
            advice="check its permissions and the space that is left, then restore again",
        ) from error
    if dry_run:
        return rehearsed
    try:
        aftermath = settle_restored(load(folder), manifest, lost=rehearsed.lost, clock=clock)
    except (OSError, sqlite3.Error, Unavailable) as error:
        raise Unavailable(
            f"the journal is restored, but not what it cannot know put right ({_cause(error)})",
            where=str(storage.data),
            advice="check the disk, move this folder away and restore again before serving",
        ) from error
    return replace(rehearsed, aftermath=aftermath)


@dataclass(frozen=True, slots=True)
class _Restoring:
    """One restore: what goes where."""

    source: Path
    settings: Settings
    manifest: Manifest
    stage: Path
    clock: Clock
    progress: Callable[[int], None]

    def rehearse(self, from_keys: Path, *, accept_loss: bool) -> Restored:
        """Everything on copies in the stage: the journal, its keys, the state folded from it."""
        keys, data = self.stage / KEYS, self.stage / DATA
        for made in (keys, data):
            made.mkdir(mode=0o700)
        copy_key_files(from_keys, keys)
        copy_parts(from_keys / PARTS, keys / PARTS)
        shutil.copyfile(self.source / DATA / JOURNAL, data / JOURNAL)
        (data / JOURNAL).chmod(0o600)
        lost = _age(self.source, load_keys(keys), self.manifest, accept_loss=accept_loss)
        erased_again = self._open(keys)
        report = verify_journal(data, keys)
        if not report.ok:
            problem = report.problems[0]
            raise Unavailable(
                f"the restored journal does not hold: {problem.where}, {problem.what}",
                where=str(self.source),
                advice="the keys may be older than the backup, or of another one",
            )
        digest = self._fold(keys)
        kept = tuple(str(path) for path in self._settings_files() if self._there(path))
        return Restored(
            self.settings.folder, self.manifest, from_keys, digest, lost, erased_again, kept
        )

    def carry_out(self, from_keys: Path) -> None:
        """Keys, settings, state; the journal last."""
        storage = self.settings.storage
        for path in self._settings_files():
            if not self._there(path):
                into = self.settings.folder / path
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.source / WORKSPACE / path, into)
        if from_keys == storage.keys:
            # These are not replaced: they may know more than any backup does.
            _age(self.source, load_keys(storage.keys), self.manifest, accept_loss=True)
            self._open(storage.keys)
        else:
            storage.keys.parent.mkdir(parents=True, exist_ok=True)
            if storage.keys.exists():
                storage.keys.rmdir()
            (self.stage / KEYS).rename(storage.keys)
        for path in storage.data.glob(f"{STATE}*"):
            path.unlink()
        for name in (STATE, JOURNAL):
            for path in sorted((self.stage / DATA).glob(f"{name}*"), reverse=True):
                path.rename(storage.data / path.name)
        sync(storage.data)
        sync(storage.keys.parent)

    def _open(self, keys: Path) -> int:
        """Open as a server would, which refuses what does not fit; then erase what was erased."""
        journal = open_journal(
            self.stage / DATA, keys, origin=self.manifest.origin, clock=self.clock
        )
        with closing(journal):
            return finish_erasures(journal, full=True)

    def _fold(self, keys: Path) -> str:
        journal = open_journal(
            self.stage / DATA, keys, origin=self.manifest.origin, clock=self.clock, read_only=True
        )
        with closing(journal):
            identity = Identity(load_keys(keys).secret)
            made = rebuild(
                journal,
                self.stage / DATA / STATE,
                make_registry(),
                identity,
                progress=self.progress,
            )
        return made.digest

    def _settings_files(self) -> Sequence[Path]:
        root = self.source / WORKSPACE
        return [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]

    def _there(self, path: Path) -> bool:
        return (self.settings.folder / path).exists()


def _forget(data: Path, folder: Path) -> None:
    """Take back the folders that were made for a restore that was not."""
    shutil.rmtree(data, ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()


def _settings(source: Path, folder: Path) -> Settings:
    """Those of the workspace, or where it has none those of the backup, for this folder."""
    if (folder / FILE).exists():
        return load(folder)
    if not (source / WORKSPACE / FILE).exists():
        raise InvalidInput(
            "this is no backup", where=str(source), advice="name the folder with backup.json"
        )
    found = load(source / WORKSPACE)
    root = found.folder

    def here(path: Path) -> Path:
        return folder / path.relative_to(root) if path.is_relative_to(root) else path

    old = found.storage
    storage = StorageSettings(
        data=here(old.data),
        keys=here(old.keys),
        root=here(old.root),
        sources=here(old.sources),
        models=here(old.models),
    )
    return replace(found, folder=folder, storage=storage)


def _keys_for(source: Path, storage: StorageSettings, keys: Path | None) -> Path:
    """The keys to restore with: those that the workspace has, those named, those in the backup."""
    if (storage.keys / SIGNING_KEY).exists():
        # Those that are there know more, or a restore that was cut off put them there.
        if keys is not None and load_secret(keys) != load_secret(storage.keys):
            raise Conflict(
                "the workspace has keys of another one", where=str(storage.keys),
                advice="restore into another folder, or move them away first",
            )  # fmt: skip
        return storage.keys
    for found in filter(None, (keys, source / KEYS)):
        if (found / SIGNING_KEY).exists():
            return found.absolute()
    raise InvalidInput(
        "there are no keys for this backup", where=str(keys or source),
        advice="name the folder that --keys-to made: --keys FOLDER",
    )  # fmt: skip


def _age(source: Path, keys: WorkspaceKeys, manifest: Manifest, *, accept_loss: bool) -> int:
    """How many signed facts the backup does not have; refused, or the keys are told to forget."""
    try:
        with closing(sqlite3.connect(keys.folder / PARTS, isolation_level=None)) as parts:
            row = parts.execute("SELECT note FROM signed").fetchone()
            try:
                size = _signed(row[0], source, keys) if row else 0
            except (BadSignature, BrokenChain) as error:
                raise Unavailable(
                    "the keys are not those of this backup: their last checkpoint is another's",
                    where=str(keys.folder),
                    advice="name the keys that were backed up with it: --keys FOLDER",
                ) from error
            lost = max(size - manifest.facts, 0)
            if lost and not accept_loss:
                raise Unavailable(
                    f"the backup is older than the keys: {lost} facts that were signed since would"
                    " be lost", where=str(source),
                    advice="restore a newer backup; or say --accept-loss, and checkpoints that"
                    " others kept since no longer fit",
                )  # fmt: skip
            if lost:
                parts.execute("PRAGMA secure_delete = ON")
                parts.execute("DELETE FROM signed")
                note = (manifest.checkpoint,)
                parts.execute("INSERT INTO signed(one, note) VALUES (1, ?)", note)
    except sqlite3.Error as error:
        raise unreadable(keys.folder / PARTS, error) from error
    return lost


def _signed(note: str, source: Path, keys: WorkspaceKeys) -> int:
    """How many facts the last checkpoint in the keys covers."""
    with closing(connect_reader(source / DATA, None)) as journal:
        chain = stored_chain(journal, keys.signer.verifier)
    return parse_checkpoint(verify_note(note, chain.at(claimed_size(note)))).size


def _cause(error: Exception) -> str:
    if isinstance(error, Unavailable):
        return error.what
    said = getattr(error, "sqlite_errorname", "") or getattr(error, "strerror", "")
    return str(said or type(error).__name__)
