"""The workspace a command works in: questions read its files, acts go to its server.

A question needs no server. An act is sent to the server that runs here; where none does, the
command takes the lock itself and acts in its own process, with the same checks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import Conflict, Unavailable
from lineage.facts import Json
from tracehold.cli.on_record import put_on_record
from tracehold.settings import Settings, load, refuse_unfinished

if TYPE_CHECKING:
    from tracehold.services import Services

__all__ = ["act", "ask", "reading", "settings_of", "token_of"]

_PATIENCE_SECONDS: Final = 5.0


def settings_of(workspace: Path | None) -> Settings:
    """The settings of the workspace named, of ``TRACEHOLD_WORKSPACE``, or of the nearest one."""
    settings = load(workspace or Path(os.environ.get("TRACEHOLD_WORKSPACE") or Path.cwd()))
    refuse_unfinished(settings.folder)
    return settings


def token_of(settings: Settings, person: str) -> str:
    """The token to act with: of the person named, of ``TRACEHOLD_TOKEN``, or of the default."""
    from tracehold.workspace import read_token

    if not person and os.environ.get("TRACEHOLD_TOKEN"):
        return os.environ["TRACEHOLD_TOKEN"]
    return read_token(settings, person or settings.workspace.person)


def ask(workspace: Path | None, name: str, **params: Json) -> Any:
    """Answer a question from the files of the workspace; where need be, that is on record."""
    from tracehold.questions import answer

    settings = settings_of(workspace)
    given = {k: v for k, v in params.items() if v not in (None, "")}
    with reading(settings) as services:
        found = answer(services, name, given)
    put_on_record(settings, name, given, found)
    return found


def act(workspace: Path | None, person: str, name: str, body: Mapping[str, Json]) -> Any:
    """Perform an act as a person."""
    from tracehold.lock import find_server

    settings = settings_of(workspace)
    token = token_of(settings, person)
    server = find_server(settings.storage.data)
    if server is not None:
        from tracehold.client import call

        return call(server.url, token, f"acts/{name}", body=body)
    from tracehold.acts import perform
    from tracehold.bootstrap import open_services

    with open_services(settings, write=True) as services:
        return perform(services, services.people.by_token(token), name, body)


@contextmanager
def reading(settings: Settings) -> Iterator[Services]:
    """The workspace, opened for reading, with everything that is durable in its state."""
    from tracehold.bootstrap import open_services

    _bring_up(settings)
    with open_services(settings, write=False) as services:
        yield services


def _bring_up(settings: Settings) -> None:
    """A server folds by itself, a moment later; where none runs, this process does it now."""
    from tracehold.bootstrap import open_services
    from tracehold.lock import find_server
    from tracehold.registry import make_registry

    until = time.monotonic() + _PATIENCE_SECONDS
    version = make_registry().version
    while True:
        try:
            with open_services(settings, write=False) as services:
                behind = services.journal.head().size - services.state.position()
                # Ahead of a journal that nobody writes, it is of another one.
                level = behind == 0 or (behind < 0 and find_server(settings.storage.data))
                if level and services.state.fold_version() == version:
                    return
        except Unavailable:
            # The state was never made, or not with this release; whoever writes makes it.
            behind = 0
        if find_server(settings.storage.data) is None:
            try:
                open_services(settings, write=True).close()
            except Conflict:
                pass
            else:
                return
        if time.monotonic() > until:
            return
        time.sleep(0.05)
