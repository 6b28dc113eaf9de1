"""``relay``: a spool between clients that give up soon and a server that may be away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineage.errors import InvalidInput, NotFound
from tracehold.cli.options import JsonOut, Where
from tracehold.cli.output import emit, fields, note, say

__all__ = ["register"]

_MIB = 1024 * 1024


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("relay", short_help="Take events at once, deliver them when the server can.")(relay)


def relay(
    *,
    to: Annotated[
        str, typer.Option(help="Address of the server; without it, that of the workspace.")
    ] = "",
    spool: Annotated[
        Path | None,
        typer.Option(help="Folder of what waits; without it, `relay` in the workspace's data."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port on loopback; 0 picks a free one.")
    ] = 5006,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Send with this token; without it, each sender's own passes through."),
    ] = None,
    max_mib: Annotated[int, typer.Option(min=1, help="Most that waits, in MiB, packed.")] = 1024,
    max_event_mib: Annotated[int, typer.Option(min=1, help="Largest event, unpacked.")] = 32,
    status: Annotated[bool, typer.Option("--status", help="Say what waits, and end.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Let what was refused wait once more, and end.")
    ] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Take events for a server and forward them in order, whenever it answers. Ends with Ctrl-C.

    Events are on this machine's disk before they are answered. What the server refuses for good is
    set aside.
    """
    address, folder = _places(to, spool, workspace, needs_address=not (status or retry))
    if status or retry:
        _look(folder, retry=retry, json=json)
        return
    from tracehold.relay.serving import Relay, read_token_file
    from tracehold.relay.serving import relay as run

    def ready(url: str) -> None:
        def text() -> None:
            say(f"Relays from {url} to {address}")
            say(f"spool: {folder}")

        emit({"url": url, "to": address, "spool": str(folder)}, as_json=json, text=text)

    run(
        Relay(
            to=address,
            spool=folder,
            port=port,
            max_bytes=max_mib * _MIB,
            max_event_bytes=max_event_mib * _MIB,
            token="" if token_file is None else read_token_file(token_file),
        ),
        ready=ready,
        tell=note,
    )


def _places(
    to: str, spool: Path | None, workspace: Path | None, *, needs_address: bool
) -> tuple[str, Path]:
    """Where to forward and where to keep: as said, or those of the workspace."""
    if spool is not None and (to or not needs_address):
        return to, spool
    from tracehold.cli.here import settings_of

    try:
        settings = settings_of(workspace)
    except NotFound:
        if workspace is not None or not to:
            raise
        raise InvalidInput(
            "the relay has no folder to keep events in",
            where="--spool",
            advice="name one that lasts, for example --spool ~/.tracehold-relay",
        ) from None
    server = settings.server
    return (
        to or f"http://{server.host}:{server.port}",
        spool or settings.storage.data / "relay",
    )


def _look(folder: Path, *, retry: bool, json: bool) -> None:
    from lineage.clock import format_millis
    from tracehold.relay.spool import Spool

    spool = Spool(folder, limit=0, fresh=False)
    try:
        again = spool.again() if retry else 0
        held = spool.figures()
    finally:
        spool.close()
    answer = {
        **({"put_back": again} if retry else {}),
        "waiting": held.waiting,
        "refused": held.refused,
        "bytes": held.bytes,
        "oldest": None if held.oldest is None else format_millis(held.oldest),
        "causes": [one._asdict() for one in held.causes],
    }

    def text() -> None:
        fields({**answer, "causes": ""})
        for one in held.causes:
            say(f"{one.events} refused with HTTP {one.status}  {one.cause}".rstrip())
        if held.refused:
            note("once the cause is gone, send them again: tracehold relay --retry")

    emit(answer, as_json=json, text=text)
