"""A new workspace: settings, sample manifests, folders, keys, the first person."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lineage.clock import Clock, system_clock
from lineage.errors import Conflict, InvalidInput, NotFound, Unavailable
from lineage.journal.keys import ensure_keys
from tracehold.acts.people import AddPerson, add_person
from tracehold.bootstrap import open_services
from tracehold.lock import write_private
from tracehold.samples import read as samples_read
from tracehold.settings import FILE, UNFINISHED, Settings, load

__all__ = ["PIPELINE", "Made", "init", "read_token", "store_token"]

PIPELINE: Final = "pipeline"
"""The person that steps of the pipeline act as; a producer and nothing more."""

_SYSTEM: Final = "system"
_FOLDERS: Final = (".tracehold", ".tracehold-keys")

_SETTINGS: Final = """\
# Settings of this Tracehold workspace. Every key: docs/reference/configuration.md
[workspace]
name = "{name}"
person = "{person}"

[storage]
data = ".tracehold"
keys = ".tracehold-keys"
root = "data"
sources = "sources"
models = "models"

[server]
host = "127.0.0.1"
port = 5005

# A Neo4j to mirror into; without one the embedded graph answers.
# [graph]
# url = "bolt://127.0.0.1:7687"
# user = "neo4j"
# password_file = ".tracehold-keys/neo4j.password"
"""

_IGNORED: Final = """\
/.tracehold/
/.tracehold-keys/
/data/
/models/
/sources/
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What ``init`` made.

    Attributes:
        folder: The workspace.
        verifier_key: The key that auditors keep (C2SP vkey).
        person: Name of the first person.
        token_file: Where that person's token is.
        files: Paths made, relative to the folder.
    """

    folder: Path
    verifier_key: str
    person: str
    token_file: Path
    files: tuple[str, ...]


def init(
    folder: Path,
    *,
    name: str = "",
    person: str = "admin",
    samples: Mapping[str, str] | None = None,
    clock: Clock = system_clock,
) -> Made:
    """Make a workspace in a folder.

    Args:
        folder: Made where it is missing; other files in it are left alone.
        name: Name of the workspace; empty for that of the folder.
        person: Name of the first person, who administers people and reports lineage.
        samples: Files to put in, by path; None for the samples of every kind of manifest.
        clock: Epoch milliseconds.

    Raises:
        Conflict: There is a workspace here already; nothing is overwritten.
        InvalidInput: The folder's name cannot serve as a name.
        Unavailable: The folder cannot be written.
    """
    folder = folder.resolve()
    try:
        _clear_unfinished(folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    if (folder / FILE).exists():
        raise Conflict(
            "this is a Tracehold workspace already",
            where=str(folder / FILE),
            advice="use it as it is, or choose another folder",
        )
    name = name or "".join(c if c.isalnum() or c in "._-" else "-" for c in folder.name).strip("-.")
    text = _SETTINGS.format(name=name, person=person)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any((folder / name).exists() for name in _FOLDERS):
            (folder / UNFINISHED).touch()
        made = [_write(folder / FILE, text, folder)]
        settings = _load_fresh(folder)
        storage = settings.storage
        for path in (storage.root, storage.sources, storage.models, settings.manifests):
            path.mkdir(parents=True, exist_ok=True)
            made.append(f"{path.relative_to(folder)}/")
        if not (folder / ".gitignore").exists():
            made.append(_write(folder / ".gitignore", _IGNORED, folder))
        for relative, sample in (samples_read() if samples is None else samples).items():
            target = folder / relative
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                made.append(_write(target, sample, folder))
        settings.storage.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = ensure_keys(
            settings.storage.keys, origin=settings.origin, data=settings.storage.data
        )
        token_file = _first_people(settings, person, clock)
        (folder / UNFINISHED).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return Made(folder, keys.verifier_key, person, token_file, tuple(made))


def _clear_unfinished(folder: Path) -> None:
    """Take away what an ``init`` that was cut off left behind."""
    if not (folder / UNFINISHED).exists():
        return
    for name in _FOLDERS:
        if (folder / name).exists():
            shutil.rmtree(folder / name)
    (folder / FILE).unlink(missing_ok=True)
    (folder / UNFINISHED).unlink()


def _unwritable(folder: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the workspace cannot be written ({os.strerror(error.errno or 0)})",
        where=str(folder),
        advice="check the permissions of the folder and the space that is left",
    )


def _first_people(settings: Settings, person: str, clock: Clock) -> Path:
    with open_services(settings, write=True, clock=clock) as services:
        # Whoever sets up a workspace administers it, reports to it, and judges nothing in it.
        first = add_person(services, _SYSTEM, AddPerson(name=person, roles=["admin", "engineer"]))
        token_file = store_token(settings, person, first["token"])
        machine = AddPerson(name=PIPELINE, roles=["producer"], days=3650)
        store_token(settings, PIPELINE, add_person(services, _SYSTEM, machine)["token"])
    return token_file


def store_token(settings: Settings, person: str, token: str) -> Path:
    """Keep a token for this machine's command line (0600 in the keys folder)."""
    settings.tokens.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = _token_path(settings, person)
    write_private(path, f"{token}\n".encode())
    return path


def read_token(settings: Settings, person: str) -> str:
    """The token of a person that this machine keeps.

    Raises:
        NotFound: It keeps none.
        Unavailable: It cannot be read.
    """
    path = _token_path(settings, person)
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        raise NotFound(
            "this machine keeps no token of that person",
            where=str(path),
            advice="name another with --as NAME, or set TRACEHOLD_TOKEN",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"the token cannot be read ({type(error).__name__})", where=str(path)
        ) from None


def _token_path(settings: Settings, person: str) -> Path:
    if not person or person.startswith(".") or set(person) & set("/\\\0"):
        raise InvalidInput("this is no name of a person", where="--as")
    return settings.tokens / person


def _load_fresh(folder: Path) -> Settings:
    try:
        return load(folder, environ={})
    except InvalidInput:
        (folder / FILE).unlink()
        (folder / UNFINISHED).unlink(missing_ok=True)
        raise


def _write(path: Path, text: str, folder: Path) -> str:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return str(path.relative_to(folder))
