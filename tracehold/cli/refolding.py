"""``journal rebuild``, ``erase`` and ``growth``: what folds the state anew, what it costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lineage.errors import Unavailable
from lineage.facts import Json
from tracehold.cli.here import ask, settings_of, token_of
from tracehold.cli.options import As, DryRun, JsonOut, Where
from tracehold.cli.output import emit, fields, note, progress, say, table

if TYPE_CHECKING:
    from tracehold.lock import Holder
    from tracehold.settings import Settings

__all__ = ["register"]

_LOOK_EVERY: Final = 0.2
_PATIENCE_SECONDS: Final = 30.0


def register(journal: typer.Typer) -> None:
    """Add the commands to ``journal``."""
    journal.command("rebuild")(rebuild)
    journal.command("erase")(erase)
    journal.command("growth")(growth)


def rebuild(
    person: As = "", dry_run: DryRun = False, workspace: Where = None, json: JsonOut = False
) -> None:
    """Fold the whole journal anew beside the state, compare, and put it in its place.

    Where a server runs it does it and goes on serving. With --dry-run it is only compared. Exits 1
    where the digests should be equal and are not.
    """
    from tracehold.lock import find_server

    settings = settings_of(workspace)
    server = find_server(settings.storage.data)
    if dry_run:
        made = _compare(settings)
    elif server is not None:
        made = _ask_server(settings, server, person)
    else:
        made = _rebuild_here(settings)

    def text() -> None:
        fields({name: value for name, value in made.items() if name != "divergence"})
        if made["divergence"]:
            say(made["divergence"])
        elif not made["comparable"]:
            note("the former state was of other facts, parts or release; it was not compared")

    emit(made, as_json=json, text=text)
    if not made["equal"]:
        raise typer.Exit(1)


def _compare(settings: Settings) -> dict[str, Json]:
    from lineage.clock import system_clock
    from lineage.identity import Identity
    from lineage.journal.keys import load_keys
    from lineage.journal.sqlite import open_journal
    from lineage.state.rebuild import rebuild as fold_anew
    from tracehold.registry import STATE, make_registry

    storage = settings.storage
    facts = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )
    try:
        size = facts.head().size
        with progress("folding") as done:
            made = fold_anew(
                facts, storage.data / STATE, make_registry(),
                Identity(load_keys(storage.keys).secret), swap=False,
                progress=lambda position: done(position, size),
            )  # fmt: skip
    finally:
        facts.close()
    return _outcome(made)


def _rebuild_here(settings: Settings) -> dict[str, Json]:
    from tracehold.bootstrap import open_services

    with (
        progress("folding") as done,
        open_services(settings, write=True, progress=done) as services,
    ):
        assert services.refolder is not None  # noqa: S101 - opened for writing
        # Opening folds anew already where another release or an erasure asks for it.
        made = services.refolder.status().last or services.refolder.now(
            "rebuild", lambda position: done(position, services.journal.head().size)
        )
        return _outcome(made)


def _outcome(made: object) -> dict[str, Json]:
    names = ("digest", "former", "position", "comparable", "equal", "divergence")
    return {name: getattr(made, name) for name in names}


def _ask_server(settings: Settings, server: Holder, person: str) -> dict[str, Json]:
    from tracehold.client import call

    token = token_of(settings, person)
    asked = call(server.url, token, "acts/journal.rebuild", body={})
    last: dict[str, Json] = _await(server, token, asked["refold"])["last"]
    return last


def _await(server: Holder, token: str, completed: int) -> dict[str, Json]:
    """Wait until the server has folded anew so often; returns what it says then."""
    from tracehold.client import call

    patience = _PATIENCE_SECONDS
    with progress("folding") as done:
        while True:
            now: dict[str, Json] = call(server.url, token, "refold")
            if now["completed"] >= completed:
                if not now["old_readers"]:
                    return now
                patience -= _LOOK_EVERY
                if patience < 0:
                    note(
                        f"{now['old_readers']} questions still read the state that was replaced;"
                        " its bytes go when they end"
                    )
                    return now
            if now["trouble"]:
                raise Unavailable(
                    f"the state cannot be folded anew: {now['trouble']}", where=server.url,
                    advice="the server tries again; look at .tracehold/server.log",
                )  # fmt: skip
            done(now["done"], now["of"] or None)
            time.sleep(_LOOK_EVERY)


def erase(
    *,
    facts: Annotated[
        list[str] | None, typer.Argument(metavar="[FACT...]", help="Ids of facts.")
    ] = None,
    mentioning: Annotated[
        list[str] | None,
        typer.Option(metavar="REF", help="All events that name this; may be given again."),
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            metavar="distilled|raw|both", help="What the fold reads, as received, or both."
        ),
    ] = "both",
    reason: Annotated[str, typer.Option(help="Why, as a code: gdpr-17, wrong-upload.")],
    person: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Erase parts of facts: their keys are destroyed, and the state is made without them.

    The facts themselves stay, with who and when but no content. What stands in a governance stream,
    is in force or is covered by a hold is not erased. Run it again after a crash.
    """
    from tracehold.lock import find_server

    settings = settings_of(workspace)
    token = token_of(settings, person)
    body = {
        "facts": facts or [], "mentioning": mentioning or [], "part": part, "reason": reason,
        "dry_run": dry_run,
    }  # fmt: skip
    server = find_server(settings.storage.data)
    if server is not None:
        from tracehold.client import call

        with progress("erasing"):
            answer = call(server.url, token, "acts/journal.erase", body=body)
        if answer["refold"] is not None:
            _await(server, token, answer["refold"])
    else:
        answer = _erase_here(settings, token, body)

    def text() -> None:
        rows = [
            (one["fact"], one["position"], one["kind"], ", ".join(one["parts"]))
            for one in answer["listed"]
        ]
        table(("fact", "position", "kind", "parts"), rows, empty="nothing is left to erase")
        more = answer["facts"] - len(rows)
        if more:
            say(f"and {more:,} more")
        verb = "would be erased" if dry_run else "are erased"
        say(f"{answer['parts']:,} parts of {answer['facts']:,} facts {verb}")
        if answer["kept"]:
            note(f"{answer['kept']:,} native facts name it too and stay: they are not lineage")

    emit({name: value for name, value in answer.items() if name != "refold"}, as_json=json,
         text=text)  # fmt: skip


def _erase_here(settings: Settings, token: str, body: dict[str, Json]) -> dict[str, Json]:
    from tracehold.acts import perform
    from tracehold.bootstrap import open_services

    with (
        progress("erasing") as done,
        open_services(settings, write=True, progress=done) as services,
    ):
        person = services.people.by_token(token)
        answer: dict[str, Json] = perform(services, person, "journal.erase", body)
        if answer["refold"] is not None and services.refolder is not None:
            size = services.journal.head().size
            services.refolder.now("erasure", lambda position: done(position, size))
        return answer


def growth(workspace: Where = None, json: JsonOut = False) -> None:
    """Bytes and rows per fact, by file and table; how often the shapes of events repeat."""
    answer = ask(workspace, "growth")

    def text() -> None:
        fields({name: value for name, value in answer.items() if name != "files"})
        rows = [
            (name, one, said["rows"], said["bytes"], said["per_fact"])
            for name, file in answer["files"].items()
            for one, said in [("all", {**file, "rows": None}), *file["tables"].items()]
        ]
        say()
        table(("file", "table", "rows", "bytes", "bytes per fact"), rows)

    emit(answer, as_json=json, text=text)
