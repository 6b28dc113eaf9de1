"""``journal`` and ``evidence``: what an auditor takes home and verifies without us."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineage.errors import InvalidInput
from tracehold.cli.here import ask, reading, settings_of
from tracehold.cli.options import JsonOut, Where
from tracehold.cli.output import emit, progress, say

__all__ = ["evidence", "journal"]

journal = typer.Typer(help="The journal: verify it, export it, fold it anew.", no_args_is_help=True)
evidence = typer.Typer(help="Bundles that are verified offline.", no_args_is_help=True)


@journal.command("verify")
def verify(
    *,
    witness: Annotated[
        Path | None, typer.Option(help="A checkpoint kept earlier; the journal must extend it.")
    ] = None,
    key: Annotated[str, typer.Option(help="Verifier key instead of the keys folder.")] = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Recompute every digest, root and signature. Exits 1 where one does not hold."""
    from lineage.journal.verify import verify_journal

    settings = settings_of(workspace)
    kept = None
    if witness is not None:
        try:
            kept = witness.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise InvalidInput("the checkpoint cannot be read", where=str(witness)) from None
    with progress("verifying the journal"):
        report = verify_journal(settings.storage.data, key or settings.storage.keys, witness=kept)
    answer = {
        "ok": report.ok,
        "size": report.size,
        "root": report.root,
        "problems": [{"where": one.where, "what": one.what} for one in report.problems],
    }

    def text() -> None:
        for one in report.problems:
            say(f"{one.where}: {one.what}")
        state = "holds" if report.ok else "does not hold"
        say(f"the journal of {report.size:,} facts {state}; root {report.root}")

    emit(answer, as_json=json, text=text)
    if not report.ok:
        raise typer.Exit(1)


@journal.command("checkpoint")
def checkpoint(
    *,
    out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """The newest signed checkpoint; keep it as a witness."""
    answer = ask(workspace, "checkpoint")
    if out is not None:
        _write(out, answer["checkpoint"])
    emit(answer, as_json=json, text=lambda: typer.echo(answer["checkpoint"], nl=False))


@journal.command("export")
def export(
    *,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, one fact each.")],
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Write every fact with its envelope and distilled part; raw parts stay where they are."""
    from tracehold.exporting import export_facts

    with reading(settings_of(workspace)) as services, progress("exporting") as done:
        count = export_facts(services.journal, out, done)
    emit({"facts": count, "file": str(out)}, as_json=json, text=lambda: say(f"{count:,} facts"))


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

    with reading(settings_of(workspace)) as services, progress("sealing"):
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


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput(
            f"the file cannot be written ({type(error).__name__})", where=str(path)
        ) from None
