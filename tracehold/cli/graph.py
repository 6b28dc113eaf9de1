"""``graph``: the mirror, and a Neo4j for trying out."""

from __future__ import annotations

from typing import Annotated

import typer

from tracehold.cli.here import act, ask, settings_of
from tracehold.cli.options import As, JsonOut, Where
from tracehold.cli.output import emit, fields, note, progress, say

__all__ = ["graph"]

graph = typer.Typer(help="The graph and its mirror in Neo4j.", no_args_is_help=True)


@graph.command("status")
def status(
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the mirror back and compare digests.")
    ] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """How far state and mirror are; with --verify, whether they are equal. Exits 1 if not."""
    answer = ask(workspace, "graph", verify=verify)

    def text() -> None:
        fields(answer)
        if answer.get("mirror") is None:
            say("mirror    none: the embedded graph answers")

    emit(answer, as_json=json, text=text)
    if answer.get("equal") is False:
        raise typer.Exit(1)


@graph.command("mirror")
def mirror(person: As = "", workspace: Where = None, json: JsonOut = False) -> None:
    """Fill the mirror again from the state."""
    with progress("filling the mirror"):
        answer = act(workspace, person, "graph.mirror", {})

    def text() -> None:
        where = answer.get("position")
        say("asked the server to fill it" if where is None else f"filled up to fact {where}")

    emit(answer, as_json=json, text=text)


@graph.command("neo4j")
def neo4j(
    *,
    stop: Annotated[bool, typer.Option("--stop", help="Stop it.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Bolt port; 0 picks a free one.")
    ] = 7687,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Start a local Neo4j for trying out, inside the data folder."""
    from tracehold.lock import find_server
    from tracehold.neo4j import launcher
    from tracehold.settings import local_graph_home

    settings = settings_of(workspace)
    home = local_graph_home(settings.storage.data)
    if stop:
        stopped = launcher.stop(home)
        answer: dict[str, object] = {"stopped": stopped}
        emit(answer, as_json=json, text=lambda: say("stopped" if stopped else "was not running"))
        return
    note("starting Neo4j; the first time it is downloaded, later it takes seconds")
    with progress("starting Neo4j"):
        running = launcher.start(home, port=port)
    answer = {
        "url": running.url,
        "user": running.user,
        "pid": running.pid,
        "password_file": str(running.password_file),
    }

    def text() -> None:
        fields(answer)
        say()
        if settings.graph.url and settings.graph.url != running.url:
            say(f"the workspace goes on mirroring into {settings.graph.url}, as graph.url says")
        elif find_server(settings.storage.data) is not None:
            say("start the server again, and it fills this graph")
        else:
            say("tracehold up fills this graph and keeps it level; until then:")
            say("tracehold graph mirror")

    emit(answer, as_json=json, text=text)
