"""Quality rules evaluated on a table: results carry counts and never a value of a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from catalog.quality_rules import Rule
from lineage.facts import Json

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Rule", "RuleResult", "assertions_facet", "evaluate"]

_SCHEMA: Final = (
    "https://openlineage.io/spec/facets/1-1-0/DataQualityAssertionsDatasetFacet.json"
    "#/$defs/DataQualityAssertionsDatasetFacet"
)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What a rule found.

    Attributes:
        rule: Kind of the rule, for example ``not_null``.
        name: Stable name of the rule within its dataset.
        column: The column concerned; several are joined by commas; None for the whole table.
        passed: Whether the rule holds.
        expected: What was asked, in words.
        actual: What was measured: counts, a type, never a value of a row.
        detail: Why it does not hold, in words; empty where it does.
        severity: ``error`` or ``warn``.
    """

    rule: str
    name: str
    column: str | None
    passed: bool
    expected: str
    actual: str
    detail: str = ""
    severity: str = "error"

    @property
    def success(self) -> bool:
        """The same as ``passed``, in the word of OpenLineage."""
        return self.passed


class _UnfitError(Exception):
    """The rule cannot be asked of this table."""

    def __init__(self, actual: str, detail: str) -> None:
        super().__init__(detail)
        self.actual, self.detail = actual, detail


@dataclass(frozen=True, slots=True)
class _Count:
    """Rows that break a rule."""

    broken: int
    word: str


def evaluate(rules: Sequence[Rule], table: pa.Table) -> list[RuleResult]:
    """Hold a table to rules, one result per rule in the same order.

    A rule that cannot be asked, because the column is missing or of another type, fails and says
    so. Null cells break ``not_null`` only.
    """
    return [_evaluate(rule, table) for rule in rules]


def assertions_facet(
    results: Sequence[RuleResult], *, producer: str = "https://tracehold.dev/catalog"
) -> dict[str, Json]:
    """The standard facet ``dataQualityAssertions`` of results (OpenLineage 1-1-0)."""
    made: list[dict[str, Json]] = []
    for one in results:
        assertion: dict[str, Json] = {
            "assertion": one.rule,
            "success": one.passed,
            "severity": one.severity,
            "name": one.name,
            "expected": one.expected,
            "actual": one.actual,
        }
        if one.column is not None:
            assertion["column"] = one.column
        made.append(assertion)
    return {"_producer": producer, "_schemaURL": _SCHEMA, "assertions": made}


def _evaluate(rule: Rule, table: pa.Table) -> RuleResult:
    columns = _columns(rule)
    try:
        passed, actual, detail = _ask(rule, table)
    except _UnfitError as unfit:
        passed, actual, detail = False, unfit.actual, unfit.detail
    return RuleResult(
        rule=rule.rule,
        name=rule.name,
        column=",".join(columns) or None,
        passed=passed,
        expected=_EXPECTED[rule.rule](rule),
        actual=actual,
        detail=detail,
        severity=rule.severity,
    )


def _columns(rule: Rule) -> tuple[str, ...]:
    return rule.columns or ((rule.column,) if rule.column else ())


def _ask(rule: Rule, table: pa.Table) -> tuple[bool, str, str]:
    missing = [name for name in _columns(rule) if name not in table.column_names]
    if missing:
        raise _UnfitError("no such column", f"there is no column {', '.join(missing)}")
    if rule.rule == "row_count":
        low, high = rule.min or 0, math.inf if rule.max is None else rule.max
        passed = low <= table.num_rows <= high
        detail = "" if passed else f"the table has {table.num_rows} rows"
        return passed, f"{table.num_rows} rows", detail
    if rule.rule == "type":
        have = _type_name(table.column(rule.column).type)
        detail = "" if have == rule.type else f"{rule.column} is {have}, not {rule.type}"
        return have == rule.type, have, detail
    count = _COUNTED[rule.rule](rule, table)
    allowed = rule.max_share * table.num_rows
    passed = count.broken <= allowed
    actual = f"{count.broken} of {table.num_rows} rows {count.word}"
    return passed, actual, "" if passed else actual


def _not_null(rule: Rule, table: pa.Table) -> _Count:
    return _Count(table.column(rule.column).null_count, "are null")


def _unique(rule: Rule, table: pa.Table) -> _Count:
    columns = list(_columns(rule))
    try:
        groups = table.select(columns).group_by(columns).aggregate([]).num_rows
    except (NotImplementedError, TypeError, ValueError):
        raise _UnfitError("not comparable", f"{', '.join(columns)} cannot be compared") from None
    return _Count(table.num_rows - groups, "repeat another")


def _range(rule: Rule, table: pa.Table) -> _Count:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(rule.column)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        have = _type_name(kind)
        raise _UnfitError(have, f"{rule.column} is {have}; a range needs numbers")
    numbers = column.cast(pa.float64(), safe=False)
    broken = pc.is_nan(numbers)
    if rule.min is not None:
        broken = pc.or_(broken, pc.less(numbers, rule.min))
    if rule.max is not None:
        broken = pc.or_(broken, pc.greater(numbers, rule.max))
    return _Count(_true(broken), "are outside")


def _allowed(rule: Rule, table: pa.Table) -> _Count:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(rule.column)
    try:
        values = pa.array(list(rule.values), type=column.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        have = _type_name(column.type)
        detail = f"{rule.column} is {have}; the allowed values are of another type"
        raise _UnfitError(have, detail) from None
    inside = pc.is_in(column, value_set=values)
    broken = pc.and_(pc.invert(inside), pc.is_valid(column))
    return _Count(_true(broken), "are not allowed")


def _regex(rule: Rule, table: pa.Table) -> _Count:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(rule.column)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        have = _type_name(kind)
        raise _UnfitError(have, f"{rule.column} is {have}; a pattern needs text")
    try:
        # RE2: linear in the length of the text, whatever the pattern.
        found = pc.match_substring_regex(column, pattern=rf"\A(?:{rule.pattern})\z")
    except pa.ArrowException:
        raise _UnfitError("no result", "the pattern is not one that RE2 understands") from None
    return _Count(_true(pc.invert(found)), "do not match")


def _true(flags: Any) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(pc.fill_null(flags, fill_value=False)).as_py() or 0)


def _type_name(kind: pa.DataType) -> str:
    """The name that manifests use for a type, or Arrow's own."""
    import pyarrow as pa

    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return "string"
    if types.is_boolean(kind):
        return "bool"
    if types.is_date(kind):
        return "date"
    return "timestamp" if types.is_timestamp(kind) else _wide(kind)


def _wide(kind: pa.DataType) -> str:
    """Narrow numbers count as the wide ones that manifests know."""
    import pyarrow as pa

    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return "int64"
    return "float64" if pa.types.is_floating(kind) else str(kind)


def _limits(rule: Rule) -> str:
    low = "" if rule.min is None else f"at least {rule.min:g}"
    high = "" if rule.max is None else f"at most {rule.max:g}"
    return " and ".join(filter(None, (low, high)))


def _share(text: str, rule: Rule) -> str:
    return f"{text} in all but {rule.max_share:g} of the rows" if rule.max_share else text


_COUNTED: Final[Mapping[str, Callable[[Rule, Any], _Count]]] = {
    "not_null": _not_null,
    "unique": _unique,
    "range": _range,
    "allowed": _allowed,
    "regex": _regex,
}
_EXPECTED: Final[Mapping[str, Callable[[Rule], str]]] = {
    "not_null": lambda rule: _share("no nulls", rule),
    "unique": lambda rule: _share("no repetitions", rule),
    "range": lambda rule: _share(_limits(rule), rule),
    "allowed": lambda rule: _share(f"one of {len(rule.values)} values", rule),
    "regex": lambda rule: _share("the declared pattern", rule),
    "row_count": lambda rule: f"{_limits(rule)} rows",
    "type": lambda rule: str(rule.type),
}
