"""``backup`` and ``restore``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tracehold.cli.here import settings_of
from tracehold.cli.options import DryRun, JsonOut, Where
from tracehold.cli.output import emit, fields, note, progress, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup", short_help="Copy this workspace while it runs.")(backup)
    app.command("restore", short_help="Make a workspace from a backup.")(restore)


def backup(
    *,
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made; it must not exist.")],
    keys_to: Annotated[
        Path | None, typer.Option(help="Copy the keys to this folder, apart from the data.")
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Copy no keys: they are kept elsewhere.")
    ] = False,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Copy the keys into FOLDER too: it can be read.")
    ] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Copy journal, settings and manifests, and verify the copy. A server may go on working.

    Who has data and keys can read every part, so say where the keys go. A backup of the keys
    brings erased parts back: keep it no longer than an erasure may take. Data files and models are
    not copied; the state is folded anew by restore.
    """
    from lineage.clock import system_clock
    from lineage.errors import InvalidInput
    from tracehold.backup.take import BESIDE, NOWHERE, take_backup

    chosen = [
        place
        for place, said in ((keys_to, keys_to), (NOWHERE, without_keys), (BESIDE, with_keys))
        if said
    ]
    if len(chosen) > 1:
        raise InvalidInput(
            "the keys go to one place",
            where="tracehold backup",
            advice="give one of --keys-to, --with-keys and --without-keys",
        )
    with progress("copying") as done:
        taken = take_backup(
            settings_of(workspace),
            target,
            keys=chosen[0] if chosen else None,
            clock=system_clock,
            progress=done,
        )
    answer = {
        "backup": str(taken.target),
        "id": taken.manifest.id,
        "keys": str(taken.keys) if taken.keys else None,
        "facts": taken.manifest.facts,
        "erasures": taken.manifest.erasures,
        "files": len(taken.manifest.files),
        "bytes": taken.bytes,
        "checkpoint": taken.manifest.checkpoint,
    }

    def text() -> None:
        say(f"Copied and verified {taken.manifest.facts:,} facts in {taken.target}")
        fields({name: answer[name] for name in ("id", "keys", "bytes")})
        if not taken.keys:
            say("It holds no keys: without those of the workspace nobody can read it.")

    emit(answer, as_json=json, text=text)


def restore(
    *,
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="What backup made.")],
    keys: Annotated[Path | None, typer.Option(help="The folder that --keys-to made.")] = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Restore although newer facts were signed.")
    ] = False,
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Make the workspace of --workspace, or of this folder, from a backup.

    Nothing there is overwritten. Keys that are there are used: what was erased since the backup
    stays erased. Refused by name: a torn backup, an older one, keys of another one.
    """
    from lineage.clock import system_clock
    from tracehold.backup.restore import restore_backup

    folder = workspace or Path(os.environ.get("TRACEHOLD_WORKSPACE") or Path.cwd())
    with progress("restoring") as done:
        made = restore_backup(
            source, folder, keys=keys, accept_loss=accept_loss, dry_run=dry_run,
            clock=system_clock, progress=done,
        )  # fmt: skip
    after = made.aftermath
    answer = {
        "workspace": str(made.folder),
        "backup": made.manifest.id,
        "keys": str(made.keys),
        "facts": made.manifest.facts,
        "digest": made.digest,
        "lost": made.lost,
        "erased_again": made.erased_again,
        "kept": list(made.kept),
        "restored": after is not None,
        "explained": after.explained if after else 0,
        "returned": [{"path": one.path, "case": one.case} for one in after.returned]
        if after
        else [],
    }

    def text() -> None:
        would = "Restored" if after else "Would restore"
        say(f"{would} {made.manifest.facts:,} facts in {made.folder}")
        shown = ("keys", "lost", "erased_again", "explained")
        fields({name: answer[name] for name in shown if answer[name]})
        for path in made.kept:
            note(f"left as it is: {path}")
        for one in after.returned if after else ():
            note(f"deleted content is back: {one.path} (case {one.case}); remove it")

    emit(answer, as_json=json, text=text)
