"""Acts about names: whether two are of one thing, and by which rules many are."""

from __future__ import annotations

import secrets
from typing import Final

from catalog.events import AliasDecided, AliasRuled, AliasRuleEnded, kind_of
from catalog.people import Person
from lineage.errors import InvalidInput, NotFound
from lineage.facts import Json
from lineage.refs import DatasetRef, parse_ref
from lineage.state.alias_rules import Form, Rule
from lineage.state.reviews import standing_rules
from tracehold.acts.act import Act, Body
from tracehold.services import Services

__all__ = ["ALIASES", "RuleOfNames", "read_rule"]


class DecideAlias(Body, frozen=True, kw_only=True):
    """Two names, and whether they are names of one thing."""

    dataset: str
    alias: str
    accepted: bool
    reason: str


class RuleOfNames(Body, frozen=True, kw_only=True):
    """A rule: its form, the names that it concerns, and what they are names of."""

    form: Form
    namespace: str
    reason: str = ""
    prefix: str = ""
    to_namespace: str = ""
    to_prefix: str = ""


class EndRule(Body, frozen=True, kw_only=True):
    """A rule is taken back."""

    rule: str
    reason: str


_TAKES: Final[dict[Form, tuple[frozenset[str], frozenset[str]]]] = {
    "host": (frozenset({"to_namespace"}), frozenset()),
    "prefix": (frozenset({"prefix"}), frozenset({"to_namespace", "to_prefix"})),
    "parts": (frozenset(), frozenset({"prefix"})),
    "case": (frozenset(), frozenset({"prefix"})),
    "table": (frozenset({"to_namespace", "to_prefix"}), frozenset({"prefix"})),
    "trusted": (frozenset(), frozenset()),
}
"""Form → what it needs beside the namespace, what it may have."""


def read_rule(body: RuleOfNames, id_: str = "") -> Rule:
    """The rule that a body describes.

    Raises:
        InvalidInput: Something is missing, too much, or leads back to itself.
    """
    needs, may = _TAKES[body.form]
    given = {name for name in ("prefix", "to_namespace", "to_prefix") if getattr(body, name)}
    for name in sorted(needs - given):
        raise InvalidInput(f"a rule of the form {body.form} needs {name}", where=name)
    for name in sorted(given - needs - may):
        raise InvalidInput(f"a rule of the form {body.form} takes no {name}", where=name)
    if not body.namespace:
        raise InvalidInput(
            "the rule concerns no namespace", where="namespace",
            advice="name one; * at its end stands for any ending",
        )  # fmt: skip
    if "*" in body.namespace[:-1] or "*" in body.to_namespace:
        raise InvalidInput(
            "* stands at the end of a namespace only", where="namespace", advice="file://*"
        )
    rule = Rule(id_, body.form, body.namespace, body.prefix, body.to_namespace, body.to_prefix)
    if rule.circular:
        raise InvalidInput(
            "the rule fits what it leads to", where="to_prefix",
            advice="let it lead out of the namespace or the prefix that it concerns",
        )  # fmt: skip
    return rule


def _decide(services: Services, actor: Person, body: DecideAlias) -> Json:
    _require(body.reason)
    fact = AliasDecided(
        _name(services, body.dataset), _name(services, body.alias), body.accepted, body.reason
    )
    if fact.dataset == fact.alias:
        raise InvalidInput("a thing is no alias of itself", where=body.alias)
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {
        "dataset": fact.dataset,
        "alias": fact.alias,
        "accepted": fact.accepted,
        "fact": receipt.fact_id,
    }


def _rule(services: Services, actor: Person, body: RuleOfNames) -> Json:
    _require(body.reason)
    rule = read_rule(body, f"N-{secrets.token_hex(4)}")
    fact = AliasRuled(
        rule=rule.id, form=rule.form, namespace=rule.namespace, reason=body.reason,
        prefix=rule.prefix, to_namespace=rule.to_namespace, to_prefix=rule.to_prefix,
    )  # fmt: skip
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {"rule": rule.id, "form": rule.form, "fact": receipt.fact_id}


def _end(services: Services, actor: Person, body: EndRule) -> Json:
    _require(body.reason)
    rules = standing_rules(services.whole.state.connection(), services.identity)
    if body.rule not in {rule.id for rule in rules}:
        raise NotFound(
            "there is no such rule", where=body.rule, advice="`tracehold alias list` names them"
        )
    fact = AliasRuleEnded(body.rule, body.reason)
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {"rule": body.rule, "ended": True, "fact": receipt.fact_id}


def _name(services: Services, text: str) -> str:
    """The reference of a dataset; one in full need not be known yet."""
    try:
        ref = services.ref_text(text)
    except NotFound:
        if not text.lstrip().startswith("dataset:["):
            raise
        ref = text.lstrip()
    parsed = parse_ref(ref)
    if not isinstance(parsed, DatasetRef):
        raise InvalidInput("a dataset was expected", where=text)
    return str(DatasetRef(parsed.namespace, parsed.name))


def _require(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("a reason is needed", where="reason", advice="say why, in words")


ALIASES: Final = (
    Act("alias.decide", "Decide whether two names are of one thing.", DecideAlias, _decide),
    Act("alias.rule", "Decide by which rule names are of one thing.", RuleOfNames, _rule),
    Act("alias.end", "Take a rule of names back.", EndRule, _end),
)
"""Acts about names."""
