"""Rules by which names are names of one thing, and the name that they lead each one to. Pure.

A rule is a decision of a person about all names of one form. It joins what it fits by edges and
merges nothing; once it is ended, it never held.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from lineage.facts import Entity
from lineage.state.resolve import StoredPoint, resolve

__all__ = [
    "BOOK",
    "ENDED",
    "FORMS",
    "RULE",
    "Form",
    "Rule",
    "lead",
    "rules_of",
    "trusted",
    "whole_of",
]

Form = Literal["host", "prefix", "parts", "case", "table", "trusted"]
"""What a rule says:

- ``host``: a namespace is that of one host alone; its names are those of another namespace.
- ``prefix``: names that begin so are names that begin otherwise, perhaps in another namespace.
- ``parts``: part files and partition folders are the folder that they lie in.
- ``case``: upper and lower case make no difference.
- ``table``: a table ``db.t`` is the folder ``PREFIX/db.db/t``, as Hive's warehouse has it.
- ``trusted``: what producers say of other names there needs nobody's review.
"""

FORMS: Final[tuple[Form, ...]] = get_args(Form)

BOOK: Final = Entity("Decision", ("alias-rules",), {"name": "alias rules"})
"""What all rules are said of; one slot per rule."""
RULE: Final = "alias_rule"
ENDED: Final = "alias_rule_ended"

_STEPS: Final = 16
"""Rules followed one after the other, at most."""
_ORDER: Final = {form: place for place, form in enumerate(("parts", "table", "prefix", "host"))}
_PART: Final = re.compile(
    r"part-\d{3,}\S*|\d{6}_\d+\S*|data_\d+\S*\.\w+|_SUCCESS|_delta_log|\*\S*|\S+=\S*"
)
"""A part file of Spark, Hive or DuckDB, a marker, a pattern, or a partition folder."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that holds.

    Attributes:
        id: Its id.
        form: What it says.
        namespace: Where names are concerned; ``*`` at the end stands for any ending.
        prefix: What these names begin with; empty for all.
        to_namespace: Where the other name lies; empty for the same namespace.
        to_prefix: What stands there instead of the prefix.
        actor: Opaque id of who decided it.
    """

    id: str
    form: Form
    namespace: str
    prefix: str = ""
    to_namespace: str = ""
    to_prefix: str = ""
    actor: str = ""

    def covers(self, namespace: str) -> bool:
        """Whether names of a namespace are concerned."""
        if self.namespace.endswith("*"):
            return namespace.startswith(self.namespace[:-1])
        return namespace == self.namespace

    @property
    def circular(self) -> bool:
        """Whether it would fit again what it made."""
        if self.form not in ("host", "prefix", "table"):
            return False
        again = self.covers(self.to_namespace) if self.to_namespace else True
        return again and _rest(self.prefix, self.to_prefix or self.prefix) is not None

    def other(self, namespace: str, name: str) -> tuple[str, str] | None:
        """The other name that this rule gives; None where it does not fit."""
        if self.form == "trusted" or not self.covers(namespace):
            return None
        rest = _rest(self.prefix, name)
        if rest is None:
            return None
        to = self.to_namespace or namespace
        match self.form:
            case "host" | "prefix":
                return to, self.to_prefix + rest
            case "table":
                return _folder(to, self.to_prefix, rest)
            case "parts":
                return namespace, whole_of(name)
        return namespace, name.lower()


def _rest(prefix: str, name: str) -> str | None:
    """What follows a prefix that ends where a part of the name does."""
    if not name.startswith(prefix):
        return None
    rest = name[len(prefix) :]
    if not rest or not prefix or prefix[-1] in "/." or rest[0] in "/.":
        return rest
    return None


def whole_of(name: str) -> str:
    """The folder of a part file or partition; the name itself where it is neither."""
    whole = name
    while (cut := whole.rstrip("/").rpartition("/"))[0] and _PART.fullmatch(cut[2]):
        whole = cut[0]
    return whole


def _folder(namespace: str, warehouse: str, table: str) -> tuple[str, str] | None:
    """Where Hive and Spark keep a table that was given no place of its own."""
    database, dot, name = table.rpartition(".")
    if not dot or not name or "/" in table:
        return None
    database = database.rpartition(".")[2]
    place = name if database == "default" else f"{database}.db/{name}"
    return namespace, f"{warehouse.rstrip('/')}/{place}"


def rules_of(rules: Sequence[StoredPoint], ended: Sequence[StoredPoint]) -> tuple[Rule, ...]:
    """The rules that hold, in the order in which they are tried.

    Args:
        rules: Points of the aspect ``alias_rule``.
        ended: Points of the aspect ``alias_rule_ended``.
    """
    over = {value.slot for value in resolve(ENDED, ended)}
    found = []
    for value in resolve(RULE, rules):
        said = value.value
        if value.slot in over or not isinstance(said, dict) or said.get("form") not in FORMS:
            continue
        rule = Rule(
            value.slot, said["form"], said["namespace"], said["prefix"],
            said["to_namespace"], said["to_prefix"], value.actor,
        )  # fmt: skip
        if not rule.circular:
            found.append(rule)
    return tuple(sorted(found, key=lambda rule: (_ORDER.get(rule.form, len(_ORDER)), rule.id)))


def lead(rules: Sequence[Rule], namespace: str, name: str) -> tuple[tuple[str, str], list[Rule]]:
    """The name to which the rules lead, and the rules that were followed.

    Where they lead in a circle, it is the least name of the circle.
    """
    passed = [(namespace, name)]
    by: list[Rule] = []
    while len(by) < _STEPS:
        for rule in rules:
            to = rule.other(*passed[-1])
            if to is not None and to[1] and to != passed[-1]:
                break
        else:
            break
        by.append(rule)
        if to in passed:
            return min(passed[passed.index(to) :]), by
        passed.append(to)
    return passed[-1], by


def trusted(rules: Sequence[Rule], *namespaces: str) -> bool:
    """Whether all of the namespaces are trusted."""
    return all(
        any(rule.form == "trusted" and rule.covers(one) for rule in rules) for one in namespaces
    )
