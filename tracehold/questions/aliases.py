"""Questions about names: what waits for a review, which rules hold, what one would join."""

from __future__ import annotations

from typing import Final

import msgspec

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.graph.content import Aliases
from lineage.graph.port import OPEN, Edge
from lineage.refs import DatasetRef
from lineage.state.reviews import (
    MOST_NAMES,
    joined_by,
    open_drops,
    standing_rules,
    suggestions,
    waiting,
)
from lineage.trace.names import clean
from tracehold.acts.aliases import RuleOfNames, read_rule
from tracehold.questions.entities import MOST, ref_of_key
from tracehold.questions.question import Body, Question, check_limit
from tracehold.services import Services

__all__ = ["ALIASES"]

_SHOWN: Final = 100


class ListAliases(Body, frozen=True, kw_only=True):
    """Of one dataset its names, and the page of what waits: ``after`` is ``next`` of the last."""

    ref: str = ""
    after: str = ""
    limit: int = _SHOWN


class SuggestAliases(Body, frozen=True, kw_only=True):
    """How many."""

    limit: int = _SHOWN


def _aliases(services: Services, params: ListAliases) -> Json:
    check_limit(params.limit, MOST)
    whole, sees = services.whole, services.seeing.sees_ref
    db = whole.state.connection()
    key, _, slot = params.after.partition(" ")
    rows = waiting(db, (key, slot), params.limit + 1)
    shown = rows[: params.limit]
    items = [
        {
            "dataset": ref_of_key(whole, row.key),
            "alias": row.slot,
            "said_by": _who(services, row.actor),
            "since": format_millis(row.since) if row.since else None,
            "fact": row.fact_id,
        }
        for row in shown
    ]
    drops = [
        {
            "dataset": ref_of_key(whole, row.key),
            "why": row.state,
            "at": format_millis(row.at) if row.at else None,
        }
        for row in open_drops(db, "", _SHOWN)
    ]
    answer: dict[str, Json] = {
        "items": [one for one in items if sees(str(one["dataset"])) and sees(str(one["alias"]))],
        "next": f"{shown[-1].key} {shown[-1].slot}" if len(rows) > len(shown) else None,
        "drops": [one for one in drops if sees(str(one["dataset"]))],
        "rules": _rules(services),
        "known_at": services.state.position(),
    }
    if params.ref:
        _, key = services.resolve(params.ref)
        edges = whole.state.same_as([key])
        names = [_name(services, key, edge) for edge in edges if key in (edge.src, edge.dst)]
        answer["names"] = [one for one in names if sees(one["alias"])]
    return answer


def _rules(services: Services) -> list[Json]:
    """The rules that concern what may be seen; who does not see all is not told how many fit."""
    db = services.whole.state.connection()
    fits = {} if services.seeing.limited else joined_by(db)
    return [
        {
            "id": rule.id,
            "form": rule.form,
            "namespace": rule.namespace,
            "prefix": rule.prefix,
            "to_namespace": rule.to_namespace,
            "to_prefix": rule.to_prefix,
            "decided_by": _who(services, rule.actor),
            "names": None if services.seeing.limited else fits.get(rule.id, 0),
        }
        for rule in standing_rules(db, services.identity)
        if all(
            services.seeing.sees_ref(str(DatasetRef(place, "*")))
            for place in {rule.namespace, rule.to_namespace or rule.namespace}
        )
    ]


def _name(services: Services, key: str, edge: Edge) -> dict[str, str]:
    last = max((until for _, until in edge.structural), default=0)
    return {
        "alias": ref_of_key(services.whole, edge.dst if edge.src == key else edge.src),
        "kind": edge.kind,
        "rule": str(edge.props.get("rule", "")),
        "said_by": _who(services, str(edge.props.get("actor", ""))),
        "until": "" if last == OPEN else format_millis(last),
    }


def _suggested(services: Services, params: SuggestAliases) -> Json:
    check_limit(params.limit, MOST)
    whole, sees = services.whole, services.seeing.sees_all
    aliases = Aliases(whole.sql_graph(), same_as=whole.state.same_as)
    items: list[Json] = []
    more = False
    for one in suggestions(whole.state.connection(), services.identity, aliases):
        pair = [str(DatasetRef(*name)) for name in (one.dataset, one.alias)]
        if not sees(pair):
            continue
        if len(items) == params.limit:
            more = True
            break
        items.append({"form": one.form, "dataset": pair[0], "alias": pair[1]})
    return {
        "items": items,
        "more": more,
        "complete": whole.state.count("Dataset") <= MOST_NAMES,
        "known_at": services.state.position(),
    }


def _fits(services: Services, params: RuleOfNames) -> Json:
    """What a rule would lead where, if it were the only one."""
    rule = read_rule(params)
    found: list[Json] = []
    total = 0
    rows = services.whole.state.connection().execute(
        "select parts from entity where label = 'Dataset' order by key"
    )
    for (parts,) in rows:
        namespace, name = msgspec.json.decode(parts)[:2]
        to = rule.other(namespace, name)
        if to is None or to == (namespace, name):
            continue
        fit = {"dataset": str(DatasetRef(namespace, name)), "alias": str(DatasetRef(*to))}
        if not services.seeing.sees_all(list(fit.values())):
            continue
        total += 1
        if len(found) < _SHOWN:
            found.append(fit)
    return {"items": found, "names": total, "known_at": services.state.position()}


def _who(services: Services, actor: str) -> str:
    person = services.person(actor) if actor else None
    return clean(actor if person is None else person.name)


ALIASES: Final = (
    Question("aliases", "Names that wait for a review, and rules of names.", ListAliases, _aliases),
    Question(
        "aliases.suggested", "Names that look like names of one thing.", SuggestAliases, _suggested
    ),
    Question("aliases.fits", "Which names a rule would join.", RuleOfNames, _fits),
)
"""Questions about names."""
