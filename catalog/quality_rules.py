"""Declared quality rules: what a manifest can ask of the rows of a dataset (REQ-44)."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

__all__ = ["COLUMN_TYPES", "ColumnType", "Rule", "rule_faults"]

RuleKind = Literal["not_null", "unique", "range", "allowed", "regex", "row_count", "type"]
ColumnType = Literal["string", "int64", "float64", "bool", "date", "timestamp"]
COLUMN_TYPES: Final = ("string", "int64", "float64", "bool", "date", "timestamp")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule.

    Attributes:
        rule: ``not_null``, ``unique``, ``range``, ``allowed``, ``regex``, ``row_count``, ``type``.
        column: The column concerned; not for ``row_count``.
        columns: Several columns that are ``unique`` together, instead of ``column``.
        min: Least value of a ``range``, least number of rows of a ``row_count``.
        max: Greatest value of a ``range``, greatest number of rows of a ``row_count``.
        values: What is ``allowed``.
        pattern: RE2 pattern that the whole text must match.
        type: Type that the column must have.
        max_share: Share of rows that may break the rule, from 0 to 1; 0 by default.
        severity: ``error`` stops what comes after; ``warn`` does not.
    """

    rule: RuleKind
    column: str | None = None
    columns: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    values: tuple[Any, ...] = ()
    pattern: str | None = None
    type: ColumnType | None = None
    max_share: float = 0.0
    severity: Literal["error", "warn"] = "error"

    @property
    def name(self) -> str:
        """Stable name of the rule within its dataset, for example ``not_null_origin``."""
        about = "_".join(self.columns or ((self.column,) if self.column else ()))
        return f"{self.rule}_{about}" if about else self.rule


_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "not_null": ("column",),
    "unique": (),
    "range": ("column",),
    "allowed": ("column", "values"),
    "regex": ("column", "pattern"),
    "row_count": (),
    "type": ("column", "type"),
}
_TAKES: Final[dict[str, frozenset[str]]] = {
    "not_null": frozenset({"column"}),
    "unique": frozenset({"column", "columns"}),
    "range": frozenset({"column", "min", "max"}),
    "allowed": frozenset({"column", "values"}),
    "regex": frozenset({"column", "pattern"}),
    "row_count": frozenset({"min", "max"}),
    "type": frozenset({"column", "type"}),
}


def rule_faults(rule: Rule) -> list[tuple[str, str, str]]:
    """What is wrong with a rule: field, what, fix."""
    told = {
        name
        for name in ("column", "columns", "min", "max", "values", "pattern", "type")
        if getattr(rule, name) not in (None, ())
    }
    faults = [
        (name, f"the rule {rule.rule} needs it", f"add {name}")
        for name in _NEEDS[rule.rule]
        if name not in told
    ]
    faults += [
        (name, f"the rule {rule.rule} does not take it", f"drop {name}")
        for name in sorted(told - _TAKES[rule.rule])
    ]
    if rule.rule == "unique" and len(told & {"column", "columns"}) != 1:
        faults.append(("column", "the rule unique needs column or columns", "write one of them"))
    if rule.rule in {"range", "row_count"} and not told & {"min", "max"}:
        faults.append(("min", f"the rule {rule.rule} needs a limit", "add min, max or both"))
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        faults.append(("min", "the least value is above the greatest", "swap min and max"))
    if not 0 <= rule.max_share <= 1:
        faults.append(("max_share", "a share lies between 0 and 1", "write for example 0.01"))
    if rule.pattern is not None:
        try:
            re.compile(rule.pattern)
        except re.error:
            faults.append(("pattern", "it is not a regular expression", "correct the pattern"))
    return faults
