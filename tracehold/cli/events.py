"""``findings`` and ``journal show``: what was recorded, and what is odd about it."""

from __future__ import annotations

from typing import Annotated

import typer

from tracehold.cli.here import ask
from tracehold.cli.options import JsonOut, Where
from tracehold.cli.output import emit, fields, note, say, table
from tracehold.cli.proof import journal

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("findings", short_help="What is odd about the events received.")(findings)
    journal.command("show")(show)


def findings(
    *,
    ref: Annotated[
        str, typer.Argument(metavar="[REF]", help="A job or dataset; nothing for all.")
    ] = "",
    producer: Annotated[
        str, typer.Option(metavar="NAME", help="What events of this person or machine have shown.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Rows of a page, at most 1000.")] = 100,
    after: Annotated[str, typer.Option(help="`next` of the page before.")] = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """What is odd about the events received: by job or dataset, with what to change."""
    answer = ask(workspace, "findings", ref=ref, producer=producer, limit=limit, after=after)

    def text() -> None:
        rows = [
            [one["ref"], one["code"], one["at"], one["last"], one["sent_by"], one["fact"]]
            for one in answer["items"]
        ]
        table(["source", "finding", "at", "last", "sent by", "fact"], rows, empty="nothing is odd")
        told = {one["code"]: one for one in answer["items"]}
        for code, one in sorted(told.items()):
            kind = "breaks the schema" if one["breaks_schema"] else "is allowed"
            say(f"{code} {kind}: {one['meaning']}; {one['advice']}")
        if answer["next"]:
            note(f"more: --after '{answer['next']}'")

    emit(answer, as_json=json, text=text)


def show(
    *,
    fact: Annotated[str, typer.Argument(metavar="FACT", help="Its id, as a receipt gives it.")],
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """One fact as recorded; of an event also what was masked and what is odd."""
    answer = ask(workspace, "fact", id=fact)

    def text() -> None:
        from json import dumps

        fields({name: answer[name] for name in answer if name not in _LONG})
        masked = answer.get("masked")
        if masked:
            say(f"masked   {', '.join(masked)}")
        for one in answer.get("findings", ()):
            say(f"finding  {one['code']} at {one['at']}: {one['meaning']}")
        content = answer.get("event", answer.get("body"))
        for line in dumps(content, indent=2, ensure_ascii=False).split("\n"):
            say(line)

    emit(answer, as_json=json, text=text)


_LONG = frozenset({"event", "body", "findings", "masked"})
