"""``up``, ``run``, ``demo``: what starts processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracehold.cli.here import settings_of
from tracehold.cli.options import JsonOut, Where
from tracehold.cli.output import emit, say

if TYPE_CHECKING:
    from tracehold.services import Services

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up", short_help="Serve this workspace: API and pages.")(up)
    app.command("run", short_help="Make governed datasets and models.")(run)
    app.command("demo", short_help="The whole story on real data.")(demo)


def up(
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port; 0 picks a free one.")
    ] = None,
    dagster: Annotated[bool, typer.Option("--dagster", help="Start Dagster too.")] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Serve this workspace: API, pages, sequencer, fold, mirror. Ends with Ctrl-C."""
    from tracehold.http.server import serve
    from tracehold.processes import Dagster
    from tracehold.ui.pages import add_pages
    from tracehold.workspace import read_token

    settings = settings_of(workspace)
    person = settings.workspace.person
    started = Dagster(settings)

    def ready(url: str, services: Services) -> None:
        graph = settings.graph.url or "embedded"
        page = started.start(url) if dagster else ""
        answer = {"url": url, "token": read_token(settings, person), "graph": graph}
        if page:
            answer["dagster"] = page

        def text() -> None:
            say(f"Tracehold serves {services.settings.workspace.name} at {url}")
            say(f"graph: {graph}")
            if page:
                say(f"Dagster: {page}")
            say(f"token: in {settings.tokens / person}")
            say(f"to look at the pages: tracehold user login {person}")

        emit(answer, as_json=json, text=text)

    try:
        serve(settings, port=port, ready=ready, extend=(add_pages,))
    finally:
        started.stop()


def run(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATASET...]", help="What to make; nothing for everything."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="With list: rows.")] = 20,
    after: Annotated[str, typer.Option(help="With list: where the page before ended.")] = "",
    concurrent: Annotated[int, typer.Option(min=1, help="Steps at once.")] = 2,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Materialize governed assets. Or: run list [JOB], run show RUN, run inputs RUN."""
    words = names or []
    if words[:1] == ["list"]:
        from tracehold.cli.estate import list_runs

        list_runs(words[1:], limit=limit, after=after, workspace=workspace, json=json)
    elif words[:1] == ["show"]:
        from tracehold.cli.estate import show_run

        show_run(words[1:], workspace=workspace, json=json)
    elif words[:1] == ["inputs"]:
        from tracehold.cli.impact import show_inputs

        show_inputs(words[1:], workspace=workspace, json=json)
    else:
        from tracehold.processes import materialize

        code = materialize(settings_of(workspace), words, concurrent=concurrent, as_json=json)
        if code:
            raise typer.Exit(code)


def demo(
    *,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; without it, ./demo.")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve it afterwards.")] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete a demo that is there.")] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """The whole story on real data, in a workspace of its own, then serve it."""
    from tracehold.demo.story import run as tell

    code = tell(workspace or folder, serve=serve, as_json=json, fresh=fresh)
    if code:
        raise typer.Exit(code)
