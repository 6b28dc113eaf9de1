"""``user``: people, their roles, their tokens, and logging in to the pages."""

from __future__ import annotations

from typing import Annotated

import typer

from lineage.clock import format_millis
from tracehold.cli.here import act, ask, settings_of
from tracehold.cli.options import As, JsonOut, Where
from tracehold.cli.output import emit, fields, say, table

__all__ = ["user"]

user = typer.Typer(help="People: who may act here, as what.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the person.")]


@user.command("add")
def add(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A new name.")],
    role: Annotated[
        list[str],
        typer.Option(
            help="engineer, privacy-officer, auditor, approver, executor, admin, producer or "
            "planner."
        ),
    ],
    namespace: Annotated[
        list[str] | None,
        typer.Option(help="Where the token may report jobs and outputs; * stands for anything."),
    ] = None,
    days: Annotated[int, typer.Option(help="Life of the token.")] = 365,
    show_token: Annotated[
        bool, typer.Option("--show-token", help="Print the token instead of keeping it here.")
    ] = False,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Add a person; the token is kept in the keys folder (role admin)."""
    from tracehold.workspace import store_token

    body = {"name": name, "roles": role, "namespaces": namespace or [], "days": days}
    answer = act(workspace, person, "person.add", body)
    if not show_token:
        path = store_token(settings_of(workspace), answer["name"], answer.pop("token"))
        answer["token_file"] = str(path)
    answer["expires"] = format_millis(answer["expires"])
    emit(answer, as_json=json, text=lambda: fields(answer))


@user.command("list")
def list_people(workspace: Where = None, json: JsonOut = False) -> None:
    """List people."""
    answer = ask(workspace, "people")

    def text() -> None:
        rows = [
            [one["name"], one["roles"], "disabled" if one["disabled"] else "", one["person"]]
            for one in answer["items"]
        ]
        table(["name", "roles", "", "id"], rows)

    emit(answer, as_json=json, text=text)


@user.command("roles")
def roles(
    *,
    name: _Name,
    role: Annotated[list[str], typer.Option(help="All roles from now on.")],
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Replace the roles of a person (role admin)."""
    answer = act(workspace, person, "person.roles", {"person": name, "roles": role})
    emit(answer, as_json=json, text=lambda: fields(answer))


@user.command("disable")
def disable(name: _Name, person: As = "", workspace: Where = None, json: JsonOut = False) -> None:
    """Disable a person and all tokens (role admin)."""
    answer = act(workspace, person, "person.disable", {"person": name})
    emit(answer, as_json=json, text=lambda: fields(answer))


@user.command("login")
def login(
    *,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Who logs in; this machine has the token.")
    ] = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Open a one-time code for the pages, valid ten minutes."""
    from tracehold.lock import find_server

    answer = act(workspace, name, "login.open", {})
    server = find_server(settings_of(workspace).storage.data)
    url = "" if server is None else f"{server.url}/login"
    answer = {"code": answer["code"], "url": url, "expires": format_millis(answer["expires"])}

    def text() -> None:
        say(answer["code"])
        say(f"type it at {url} before {answer['expires']}; it works once")

    emit(answer, as_json=json, text=text)
