"""``journal`` and ``evidence``: what an auditor takes home and verifies without us."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Annotated

import typer

from lineage.clock import format_millis
from lineage.errors import InvalidInput
from tracehold.cli.here import act, ask, reading, settings_of
from tracehold.cli.on_record import put_on_record
from tracehold.cli.options import As, DryRun, JsonOut, Where
from tracehold.cli.output import emit, progress, say, table

__all__ = ["evidence", "journal"]

journal = typer.Typer(help="The journal: verify it, export it, fold it anew.", no_args_is_help=True)
evidence = typer.Typer(help="Bundles that are verified offline.", no_args_is_help=True)


@journal.command("verify")
def verify(
    *,
    witness: Annotated[
        Path | None, typer.Option(help="A checkpoint kept earlier; the journal must extend it.")
    ] = None,
    key: Annotated[str, typer.Option(help="Verifier key that you keep, also a former one.")] = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Recompute every digest, root and signature. Exits 1 where one does not hold.

    Where the signing key was lost once, it exits 1 too, until --key names the key after it.
    """
    from lineage.journal.keys import PARTS
    from lineage.journal.verify import verify_journal

    storage = settings_of(workspace).storage
    kept = None if witness is None else _read(witness)
    keys = storage.keys if not key or (storage.keys / PARTS).exists() else key
    with progress("verifying the journal"):
        report = verify_journal(storage.data, keys, witness=kept, vkey=key)
    holds = report.ok and (bool(key) or not report.breaks)
    answer = {
        "ok": holds,
        "size": report.size,
        "root": report.root,
        "verifier_key": report.verifier_key,
        "problems": [{"where": one.where, "what": one.what} for one in report.problems],
        "breaks": [{"where": one.where, "what": one.what} for one in report.breaks],
    }

    def text() -> None:
        for one in (*report.problems, *report.breaks):
            say(f"{one.where}: {one.what}")
        state = "holds" if holds else "does not hold"
        if report.ok and not holds:
            state = "holds, but its key was lost: accept the one after it with --key"
        say(f"the journal of {report.size:,} facts {state}; root {report.root}")

    emit(answer, as_json=json, text=text)
    if not holds:
        raise typer.Exit(1)


@journal.command("checkpoint")
def checkpoint(
    *,
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept earlier: prove that it is extended.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """The newest signed checkpoint; keep it as a witness. With --since the consistency proof."""
    if since is None:
        answer = ask(workspace, "checkpoint")
        given = answer["checkpoint"]
    else:
        answer = ask(workspace, "consistency", since=_read(since))
        given = answer["proof"]
    if out is not None:
        _write(out, given)
    emit(answer, as_json=json, text=lambda: typer.echo(given, nl=False))


@journal.command("stream")
def stream(
    *,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Without it, all streams.")] = "",
    proof: Annotated[Path | None, typer.Option(help="Write the stream with its proofs.")] = None,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Every fact of a governance stream, provably all: numbered, chained, proven, and counted."""
    if not name:
        answer = ask(workspace, "streams")
        rows = [(one["stream"], one["facts"]) for one in answer["streams"]]
        emit(answer, as_json=json, text=lambda: table(("stream", "facts"), rows))
        return
    answer = ask(workspace, "stream", stream=name)
    if proof is not None:
        _write(proof, dumps(answer, indent=2, ensure_ascii=False) + "\n")

    def text() -> None:
        said = [loads(member["envelope"]) for member in answer["members"]]
        table(
            ("number", "fact", "kind", "recorded", "by", "leaf"),
            [
                (one["sequence"], member["position"], one["kind"], format_millis(one["received"]),
                 one["actor"], member["leaf"][:12])
                for one, member in zip(said, answer["members"], strict=True)
            ],
        )  # fmt: skip
        say(f"{len(said):,} facts; the journal's key signs that these are all")

    emit(answer, as_json=json, text=text)


@journal.command("export")
def export(
    *,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; with --tiles a folder.")],
    tiles: Annotated[
        bool, typer.Option("--tiles", help="Envelopes and tree as C2SP tlog-tiles, for auditors.")
    ] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Write every fact with its envelope and distilled part; raw parts stay where they are.

    It needs neither the signing key nor the workspace secret.
    """
    from tracehold.exporting import export_facts, export_log

    storage = settings_of(workspace).storage
    with progress("exporting") as done:
        export_to = export_log if tiles else export_facts
        count = export_to(storage.data, storage.keys, out, done)
    emit({"facts": count, "file": str(out)}, as_json=json, text=lambda: say(f"{count:,} facts"))


@journal.command("rotate-key")
def rotate_key(
    *,
    dry_run: DryRun = False,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Sign with a new key from here on; the present one signs for it and is destroyed."""
    answer = act(workspace, person, "key.rotate", {"dry_run": dry_run})

    def text() -> None:
        if dry_run:
            say(f"this key would be replaced and destroyed: {answer['former']}")
            return
        say(f"rotated at fact {answer['position']:,}; who keeps the former key can follow")
        say(f"verifier key: {answer['verifier_key']}")

    emit(answer, as_json=json, text=text)


@journal.command("rekey")
def rekey(
    *,
    lost: Annotated[bool, typer.Option("--lost", help="Yes, the signing key is lost.")] = False,
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Go on with a new key after the signing key was lost. Nobody signs for it: a break remains."""
    from lineage.clock import system_clock
    from lineage.journal.rotation import replace_lost_key

    settings = settings_of(workspace)
    if not lost:
        raise InvalidInput(
            "a new key that nobody signs for is for a lost one only", where="--lost",
            advice="use `tracehold journal rotate-key`, or pass --lost if the key is lost",
        )  # fmt: skip
    chain, receipt = replace_lost_key(
        settings.storage.data, settings.storage.keys, origin=settings.origin, clock=system_clock,
        actor="system", dry_run=dry_run,
    )  # fmt: skip
    position = None if receipt is None else receipt.position
    answer = {
        "former": str(chain.links[-1].former if receipt else chain.current),
        "verifier_key": str(chain.current),
        "position": position,
        "dry_run": dry_run,
    }

    def text() -> None:
        if dry_run:
            say(f"a key would be made in the place of the lost one: {answer['former']}")
            return
        say(f"recorded as lost at fact {position}; `tracehold journal verify` reports the break")
        say(f"verifier key, give it to every auditor by another way: {answer['verifier_key']}")

    emit(answer, as_json=json, text=text)


@evidence.command("build")
def build(
    *,
    refs: Annotated[list[str], typer.Argument(metavar="REF|CASE...", help="What to prove.")],
    out: Annotated[Path, typer.Option(help="Folder, or a file that ends in .zip.")],
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Seal the facts on models, datasets or cases with their proofs and a verifier."""
    from tracehold.evidence import build_bundle

    settings = settings_of(workspace)
    # Before it is built: what lies in the folder has been told.
    put_on_record(settings, "evidence.build", {"ref": " ".join(refs)}, None)
    with reading(settings) as services, progress("sealing"):
        made = build_bundle(services, refs, out)
    answer = {"bundle": str(made.path), "facts": made.facts, "verifier_key": made.verifier_key}

    def text() -> None:
        say(f"sealed {made.facts} facts in {made.path}")
        if made.path.is_dir():
            say(f"verify it anywhere: python {made.path}/verify.py {made.path}")
        else:
            say(f"verify it: tracehold evidence verify {made.path}")
            say("without Tracehold: unpack it, and run the verify.py that is inside")
        say(f"verifier key: {made.verifier_key}")

    emit(answer, as_json=json, text=text)


@evidence.command("verify")
def verify_evidence(
    *,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder or .zip.")],
    key: Annotated[str, typer.Option(help="Verifier key that you keep, not the bundle's.")] = "",
    witness: Annotated[Path | None, typer.Option(help="A checkpoint kept earlier.")] = None,
    workspace: Where = None,  # noqa: ARG001 - every command takes it
    json: JsonOut = False,
) -> None:
    """Verify a bundle with its own verifier. Exits 1 on any changed byte."""
    from tracehold.evidence import check_bundle

    lines = check_bundle(bundle, key=key, witness=witness)

    def text() -> None:
        for line in lines:
            say(f"ok  {line}")
        say("VERIFIED" if key else "VERIFIED by the key of the bundle: compare it with yours")

    emit({"ok": True, "checked": lines}, as_json=json, text=text)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidInput(
            "the checkpoint cannot be read",
            where=str(path),
            advice="give a file that tracehold journal checkpoint --out wrote",
        ) from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput(
            f"the file cannot be written ({type(error).__name__})",
            where=str(path),
            advice="name a file in a folder that this account may write",
        ) from None
