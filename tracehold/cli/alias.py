"""``alias``: which names are names of one thing."""

from __future__ import annotations

from typing import Annotated

import typer

from tracehold.cli.here import act, ask
from tracehold.cli.options import As, DryRun, JsonOut, Ref, Where
from tracehold.cli.output import emit, fields, note, say, table

__all__ = ["alias"]

alias = typer.Typer(
    help="Names of one thing: what producers say, rules, and what waits for a review.",
    no_args_is_help=True,
)

_Reason = Annotated[str, typer.Option("--reason", help="Why, in words.")]
_Other = Annotated[str, typer.Argument(metavar="OTHER", help="The other name.")]


@alias.command("list")
def alias_list(
    *,
    ref: Annotated[
        str, typer.Argument(metavar="[REF]", help="A dataset; its other names too.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Rows of a page, at most 1000.")] = 100,
    after: Annotated[str, typer.Option(help="`next` of the page before.")] = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """What waits for a review: names proposed, drops that fit nothing; and the rules that hold."""
    answer = ask(workspace, "aliases", ref=ref, limit=limit, after=after)

    def text() -> None:
        if ref:
            rows = [[one["alias"], one["kind"], one["rule"], one["said_by"], one["until"]]
                    for one in answer["names"]]  # fmt: skip
            table(["other name", "kind", "rule", "by", "until"], rows, empty="no other name")
        rows = [[one["dataset"], one["alias"], one["said_by"], one["since"]]
                for one in answer["items"]]  # fmt: skip
        table(["dataset", "other name", "said by", "since"], rows, empty="no name waits")
        for one in answer["drops"]:
            fit = "nothing known fits" if one["why"] == "unknown" else "several datasets fit"
            say(f"dropped {one['dataset']} at {one['at']}: {fit}")
        rows = [
            [one["id"], one["form"], one["namespace"], one["prefix"], one["to_namespace"],
             one["to_prefix"], one["decided_by"], one["names"]]
            for one in answer["rules"]
        ]  # fmt: skip
        if rows:
            table(["rule", "form", "namespace", "prefix", "to", "to prefix", "by", "names"], rows)
        if answer["next"]:
            note(f"more: --after '{answer['next']}'")

    emit(answer, as_json=json, text=text)


@alias.command("suggest")
def alias_suggest(
    *,
    limit: Annotated[int, typer.Option(help="Rows, at most 1000.")] = 100,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Names that look like names of one thing; nothing is joined before somebody decides."""
    answer = ask(workspace, "aliases.suggested", limit=limit)

    def text() -> None:
        rows = [[one["form"], one["dataset"], one["alias"]] for one in answer["items"]]
        table(["looks like", "dataset", "other name"], rows, empty="no names look alike")
        if answer["more"]:
            note("there are more: decide these, or ask with a larger --limit")
        if not answer["complete"]:
            note("only a part of the datasets was looked at")

    emit(answer, as_json=json, text=text)


def _decide(
    dataset: str, other: str, reason: str, *, accepted: bool, person: str, where: Where, json: bool
) -> None:
    body = {"dataset": dataset, "alias": other, "accepted": accepted, "reason": reason}
    answer = act(where, person, "alias.decide", body)
    emit(answer, as_json=json, text=lambda: fields(answer))


@alias.command("accept")
def alias_accept(
    *,
    dataset: Ref,
    other: _Other,
    reason: _Reason,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Two names are of one thing (role privacy-officer)."""
    _decide(dataset, other, reason, accepted=True, person=person, where=workspace, json=json)


@alias.command("reject")
def alias_reject(
    *,
    dataset: Ref,
    other: _Other,
    reason: _Reason,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Two names never were of one thing, whatever producers or rules say."""
    _decide(dataset, other, reason, accepted=False, person=person, where=workspace, json=json)


@alias.command("rule")
def alias_rule(
    *,
    form: Annotated[
        str, typer.Argument(metavar="FORM", help="host, prefix, parts, case, table or trusted.")
    ],
    namespace: Annotated[str, typer.Argument(help="Where; * at its end: any ending.")],
    prefix: Annotated[str, typer.Option(help="What the names begin with.")] = "",
    to_namespace: Annotated[
        str, typer.Option("--to", help="Namespace of the names that these are names of.")
    ] = "",
    to_prefix: Annotated[str, typer.Option(help="What those names begin with instead.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, in words.")] = "",
    dry_run: DryRun = False,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Join all names of one form, or trust what producers say of a namespace."""
    body = {
        "form": form, "namespace": namespace, "prefix": prefix,
        "to_namespace": to_namespace, "to_prefix": to_prefix,
    }  # fmt: skip
    if not dry_run:
        made = act(workspace, person, "alias.rule", {**body, "reason": reason})
        emit(made, as_json=json, text=lambda: fields(made))
        return
    answer = ask(workspace, "aliases.fits", **body)

    def text() -> None:
        rows = [[one["dataset"], one["alias"]] for one in answer["items"]]
        table(["name", "would be a name of"], rows, empty="no name known fits")
        if answer["names"] > len(rows):
            say(f"and {answer['names'] - len(rows)} more")

    emit(answer, as_json=json, text=text)


@alias.command("end")
def alias_end(
    *,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Id of the rule.")],
    reason: _Reason,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Take a rule back: what it joined is joined no more, at no moment."""
    answer = act(workspace, person, "alias.end", {"rule": rule, "reason": reason})
    emit(answer, as_json=json, text=lambda: fields(answer))
