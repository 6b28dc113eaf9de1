"""``grant``: who may look at what is guarded, and who was told where personal data is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from lineage.facts import Json
from tracehold.cli.here import act, ask
from tracehold.cli.options import As, JsonOut, Where
from tracehold.cli.output import emit, fields, table

__all__ = ["grant"]

grant = typer.Typer(
    help="Rights to look: what is guarded, or not open to everybody.", no_args_is_help=True
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the person.")]
_Why = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]


@grant.command("give")
def give(
    *,
    name: _Name,
    namespace: Annotated[
        list[str], typer.Option(help="A namespace that is opened; * stands for anything.")
    ],
    opens: Annotated[
        list[str] | None,
        typer.Option("--class", help="A guarded class: personal, special or restricted."),
    ] = None,
    until: Annotated[str, typer.Option(help="Until when, as 2026-03-01; a year at most.")],
    reason: _Why,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Let a person look at more, for a time (role privacy-officer)."""
    body = {
        "person": name, "namespaces": namespace, "classes": opens or [], "expires": until,
        "reason": reason,
    }  # fmt: skip
    answer = act(workspace, person, "grant.give", body)
    emit(answer, as_json=json, text=lambda: fields(answer))


@grant.command("end")
def end(
    *,
    name: _Name,
    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="Id of the grant.")],
    reason: _Why,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Take a grant back (role privacy-officer or admin)."""
    body = {"person": name, "grant": grant_id, "reason": reason}
    answer = act(workspace, person, "grant.end", body)
    emit(answer, as_json=json, text=lambda: fields(answer))


@grant.command("list")
def list_grants(workspace: Where = None, json: JsonOut = False) -> None:
    """List grants, those that are over too."""
    answer = ask(workspace, "grants")

    def text() -> None:
        rows = [
            [
                one["grant"], one["name"], ", ".join(one["namespaces"]), ", ".join(one["classes"]),
                one["expires"] if one["holds"] else "over", one["reason"],
            ]
            for one in answer["items"]
        ]  # fmt: skip
        columns = ["grant", "name", "namespaces", "classes", "until", "reason"]
        table(columns, rows, empty="no grant was given")

    emit(answer, as_json=json, text=text)


@grant.command("reads")
def list_reads(
    after: Annotated[int, typer.Option(help="Position of the last row of the page before.")] = 0,
    limit: Annotated[int, typer.Option(help="Rows of a page, at most 1000.")] = 100,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """List who was told where personal data is, oldest first."""
    answer = ask(workspace, "reads", after=after, limit=limit)

    def text() -> None:
        rows = [[one["at"], _who(one), one["question"], one["ref"]] for one in answer["items"]]
        table(["at", "who", "question", "about"], rows, empty="nothing was read")

    emit(answer, as_json=json, text=text)


def _who(read: Mapping[str, Json]) -> str:
    name = str(read["name"] or read["person"])
    return name if read["user"] is None else f"{name}, account {read['user']}"
