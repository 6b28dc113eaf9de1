"""``retention`` and ``certificate``: what is due, its deletion, and the proof of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.cli.here import act, ask
from tracehold.cli.options import As, DryRun, JsonOut, Where
from tracehold.cli.output import emit, fields, note, say, table

__all__ = ["certificate", "retention"]

retention = typer.Typer(help="What must go, and its deletion with proof.", no_args_is_help=True)
certificate = typer.Typer(help="Certificates of deletion.", no_args_is_help=True)

_Case = Annotated[str, typer.Argument(metavar="CASE", help="Id of the deletion case.")]


@retention.command("due")
def due(
    *,
    now: Annotated[str, typer.Option(help="Decide as of this moment (ISO 8601).")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Also what is kept.")] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """What is due, held or unclear, and why."""
    answer = ask(workspace, "retention.due", now=now)

    def text() -> None:
        rows = [
            [row["ref"], row["outcome"], row["due"], row["classes"], (row["reasons"] or [""])[0]]
            for row in answer["items"]
            if all_ or row["outcome"] != "keep"
        ]
        table(["what", "outcome", "due", "class", "why"], rows, empty="nothing is due")

    emit(answer, as_json=json, text=text)


@retention.command("request")
def request(
    *,
    targets: Annotated[list[str], typer.Argument(metavar="REF...", help="Datasets and models.")],
    ground: Annotated[str, typer.Option(help="Legal ground, e.g. GDPR Art. 17(1)(b).")],
    reason: Annotated[str, typer.Option(help="Why, in words.")],
    quarantine_days: Annotated[int, typer.Option(help="Days between quarantine and purge.")] = 7,
    id_: Annotated[str, typer.Option("--id", help="Id of the case; without it, a new one.")] = "",
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Open a deletion case (role privacy-officer)."""
    body = {
        "targets": targets, "legal_ground": ground, "reason": reason,
        "quarantine_days": quarantine_days, "case": id_,
    }  # fmt: skip
    answer = act(workspace, person, "deletion.request", body)
    emit(answer, as_json=json, text=lambda: _draw(answer))


@retention.command("plan", short_help="Draw up the plan of a case.")
def plan(
    *,
    case: _Case,
    decide: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REF=DECISION[:REASON]",
            help="What becomes of one derived thing; may be given several times.",
        ),
    ] = None,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Draw up the plan: every copy, every derived dataset and model, each with a decision."""
    choices = dict(_choice(text) for text in decide or [])
    answer = act(workspace, person, "deletion.plan", {"case": case, "choices": choices})
    emit(answer, as_json=json, text=lambda: _draw(answer))


def _choice(text: str) -> tuple[str, Mapping[str, str]]:
    # References hold colons and may hold equals signs, so the last one separates.
    ref, found, said = text.rpartition("=")
    if not found or not ref:
        raise InvalidInput("this is no decision", where=text, advice="write REF=DECISION[:REASON]")
    decision, _, reason = said.partition(":")
    return ref, {"decision": decision, "reason": reason}


@retention.command("list")
def cases(workspace: Where = None, json: JsonOut = False) -> None:
    """List deletion cases."""
    answer = ask(workspace, "deletions")

    def text() -> None:
        rows = [
            [c["case"], c["phase"], c["blocked"], c["request"]["targets"]] for c in answer["items"]
        ]
        table(["case", "phase", "blocked", "targets"], rows, empty="there is no case")

    emit(answer, as_json=json, text=text)


@retention.command("show")
def show(case: _Case, workspace: Where = None, json: JsonOut = False) -> None:
    """One deletion case with its plan."""
    answer = ask(workspace, "deletion", case=case)
    emit(answer, as_json=json, text=lambda: _draw(answer))


@retention.command("approve", short_help="Agree to exactly this plan.")
def approve(
    *,
    case: _Case,
    plan_hash: Annotated[
        str, typer.Option("--plan", help="Hash of the plan you read; see retention show.")
    ],
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Agree to exactly this plan (role approver; neither requester nor executor)."""
    body = {"case": case, "plan_hash": plan_hash}
    answer = act(workspace, person, "deletion.approve", body)
    emit(answer, as_json=json, text=lambda: _sum_up(answer))


@retention.command("apply", short_help="Carry the approved plan out, or go on.")
def apply(
    *,
    case: _Case,
    dry_run: DryRun = False,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Carry the approved plan out, or go on with it: quarantine, purge, verify, certify."""
    if dry_run:
        answer = ask(workspace, "deletion", case=case)
        note("nothing was done; this is what would be")
    else:
        answer = act(workspace, person, "deletion.apply", {"case": case})
    emit(answer, as_json=json, text=lambda: (_draw if dry_run else _sum_up)(answer))


@retention.command("cancel")
def cancel(
    *,
    case: _Case,
    reason: Annotated[str, typer.Option(help="Why, in words.")],
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """End a case without a deletion; quarantined files go back."""
    answer = act(workspace, person, "deletion.cancel", {"case": case, "reason": reason})
    emit(answer, as_json=json, text=lambda: _sum_up(answer))


@retention.command("verify")
def verify(case: _Case, workspace: Where = None, json: JsonOut = False) -> None:
    """Read the whole data root again: is anything left? Exits 1 if so."""
    answer = ask(workspace, "deletion.verify", case=case)

    def text() -> None:
        for left in answer["leftovers"]:
            say(f"left: {left['path']} ({left['why']})")
        state = "nothing is left" if answer["clean"] else "something is left"
        say(f"{case}: {state}; read {answer['files_read']} files again")

    emit(answer, as_json=json, text=text)
    if not answer["clean"]:
        raise typer.Exit(1)


def _sum_up(case: Mapping[str, Json]) -> None:
    """Where the case stands; ``retention show`` says the rest."""
    drawn = case.get("plan")
    planned = {} if drawn is None else {
        "plan_hash": case["plan_hash"],
        "approvals": f"{len(case['approvals'])} of 2",
        "files": len(drawn["items"]),
    }  # fmt: skip
    fields(
        {
            **{name: case.get(name) for name in ("case", "phase", "blocked", "certificate")},
            "targets": case["request"]["targets"],
            "ground": case["request"]["legal_ground"],
            **planned,
        }
    )


def _draw(case: Mapping[str, Json]) -> None:
    _sum_up(case)
    drawn = case.get("plan")
    if drawn is None:
        return
    say()
    rows = [[item["ref"], item["path"], f"{item['bytes']:,}"] for item in drawn["items"]]
    table(["copy of", "file", "bytes"], rows, empty="no file is reached")
    say()
    rows = [[one["ref"], one["decision"], one.get("reason")] for one in drawn["derived"]]
    table(["made from it", "decision", "why"], rows, empty="nothing was made from it")
    say()
    if any(one["decision"] == "undecided" for one in drawn["derived"]):
        say("to be decided: plan again with --decide REF=DECISION for each that is undecided")
    for one in drawn["out_of_reach"]:
        say(f"out of reach: {one['ref']} {one['location']} ({one['why']})")
    for one in drawn["obstacles"]:
        say(f"obstacle: {one['path']} ({one['why']})")
    unseen = drawn["unseen"]
    for line in [unseen] if isinstance(unseen, str) else unseen:
        say(f"not seen by lineage: {line}")


@certificate.command("list")
def certificate_list(workspace: Where = None, json: JsonOut = False) -> None:
    """List certificates."""
    answer = ask(workspace, "certificates")

    def text() -> None:
        rows = [[one["certificate"], one["case"], one["issued"]] for one in answer["items"]]
        table(["certificate", "case", "issued"], rows, empty="there is no certificate")

    emit(answer, as_json=json, text=text)


@certificate.command("show")
def certificate_show(
    *,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of the certificate or its case.")],
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Print a certificate: a signed note, to be kept and verified anywhere."""
    answer = ask(workspace, "certificate", id=id_)
    emit(answer, as_json=json, text=lambda: typer.echo(answer["note"], nl=False))


@certificate.command("verify")
def certificate_verify(
    *,
    what: Annotated[str, typer.Argument(metavar="ID|FILE", help="An id, a case, or a file.")],
    key: Annotated[str, typer.Option(help="Verifier key; without it, that of the workspace.")] = "",
    keys: Annotated[
        Path | None, typer.Option(help="Stream file of the stream keys, to follow --key by.")
    ] = None,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Verify signature and content of a certificate. A file and a key need no workspace."""
    from privacy.deletion.certificate import verify_certificate
    from tracehold.cli.here import settings_of
    from tracehold.evidence import chained_keys, keys_of

    path = Path(what)
    if path.is_file():
        try:
            note_text = path.read_text("utf-8")
        except UnicodeDecodeError:
            raise InvalidInput(
                "the file is no certificate",
                where=what,
                advice="give the id of one, or a file with what tracehold certificate show printed",
            ) from None
    else:
        note_text = ask(workspace, "certificate", id=what)["note"]
    if keys is not None and key:
        trusted = chained_keys(keys, key)
    elif path.is_file() and key:
        trusted = [key]
    else:
        storage = settings_of(workspace).storage
        trusted = keys_of(storage.data, storage.keys, key)
    said = verify_certificate(note_text, *trusted)
    answer = {"valid": True, "certificate": said}

    def text() -> None:
        say(f"valid: {said.get('id')} of case {said.get('case')}")

    emit(answer, as_json=json, text=text)
