"""``graph``: the mirror, and a Neo4j for trying out."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tracehold.cli.here import act, ask, settings_of, token_of
from tracehold.cli.options import As, JsonOut, Where
from tracehold.cli.output import emit, fields, note, progress, say

if TYPE_CHECKING:
    from lineage.facts import Json
    from tracehold.settings import Settings

__all__ = ["graph"]

graph = typer.Typer(help="The graph and its mirror in Neo4j.", no_args_is_help=True)

_LOOK_SECONDS: Final = 0.2

Shown = Callable[[int, int], None]


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
    if verify:
        with progress("reading the mirror back"):
            answer = _status(workspace, verify=True)
    else:
        answer = _status(workspace)

    def text() -> None:
        mirror = answer.get("mirror")
        fields({name: value for name, value in answer.items() if name != "mirror"})
        if mirror is None:
            say("mirror    none: the embedded graph answers")
        else:
            fields({f"mirror {name}": value for name, value in mirror.items()})

    emit(answer, as_json=json, text=text)
    if answer.get("equal") is False:
        raise typer.Exit(1)


def _status(workspace: Path | None, *, verify: bool = False) -> Any:
    """As the server knows it, where one runs: it follows, so it knows why it is behind."""
    from tracehold.client import call
    from tracehold.lock import find_server

    settings = settings_of(workspace)
    server = find_server(settings.storage.data)
    if server is None or verify:
        return ask(workspace, "graph", verify=verify)
    return call(server.url, token_of(settings, ""), "graph")


@graph.command("mirror")
def mirror(
    *,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Replace the graph of another workspace in it."),
    ] = False,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Empty the mirror and fill it again from the state. Answers come from SQL meanwhile."""
    from tracehold.lock import find_server

    settings = settings_of(workspace)
    server = find_server(settings.storage.data)
    body: dict[str, Json] = {"take_over": take_over}
    with progress("filling the mirror") as done:

        def shown(passed: int, total: int) -> None:
            done(passed, total or None)

        if server is None:
            answer = _fill_here(settings, token_of(settings, person), body, shown)
        else:
            asked = act(workspace, person, "graph.mirror", body)
            answer = _await_fill(workspace, asked, shown)
    emit(answer, as_json=json, text=lambda: say(f"filled up to fact {answer['position']}"))


def _fill_here(settings: Settings, token: str, body: dict[str, Json], shown: Shown) -> Any:
    from tracehold.acts import perform
    from tracehold.bootstrap import open_services

    with open_services(settings, write=True) as services, ThreadPoolExecutor(1) as pool:
        person = services.people.by_token(token)
        work = pool.submit(perform, services, person, "graph.mirror", body)
        while not wait([work], _LOOK_SECONDS).done:
            if services.mirror is not None:
                known = services.mirror.status()
                shown(known.done, known.total)
        return work.result()


def _await_fill(workspace: Path | None, asked: Any, shown: Shown) -> Any:
    from lineage.errors import Unavailable

    while True:
        known = _status(workspace)["mirror"]
        if known["fills"] > asked["fills"]:
            return {"asked": True, "position": known["position"]}
        if known["state"] in ("unreachable", "refused"):
            raise Unavailable(
                known["last_error"] or "the graph was not filled",
                where="graph",
                advice="the server goes on trying; look again: tracehold graph status",
            )
        shown(known["done"], known["total"])
        time.sleep(_LOOK_SECONDS)


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
