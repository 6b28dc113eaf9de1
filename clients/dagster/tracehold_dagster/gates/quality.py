"""Quality rules on a table where it lies: checks that carry counts and never a value of a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    MetadataValue,
    multi_asset_check,
)

from tracehold_dagster import keys
from tracehold_dagster.errors import Misconfigured
from tracehold_dagster.gates.scanning import Load, as_file

__all__ = ["Rule", "in_range", "not_null", "one_of", "quality_checks", "row_count", "unique"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What every version of a table is held to.

    Attributes:
        name: Stable name within its asset.
        columns: The columns concerned; empty for the table.
        expected: What is asked, in words.
        broken: How many rows of a pyarrow table break it.
        max_share: Share of rows that may break it.
        severity: ``error`` blocks what comes after; ``warn`` is shown.
    """

    name: str
    columns: tuple[str, ...]
    expected: str
    broken: Callable[[Any], int]
    max_share: float = 0.0
    severity: Literal["error", "warn"] = "error"

    def result(self, asset: AssetKey, table: Any) -> AssetCheckResult:
        """The rule held against a table."""
        counts: dict[str, int] = {"rows": table.num_rows}
        missing = [name for name in self.columns if name not in table.column_names]
        if missing:
            passed, actual = False, f"no column {', '.join(missing)}"
        else:
            broken = self.broken(table)
            passed = broken <= self.max_share * table.num_rows
            actual = f"{broken} of {table.num_rows} rows break it"
            if self.columns:
                counts["broken"] = broken
            else:
                actual = f"{table.num_rows} rows"
        said: dict[str, Any] = {"expected": self.expected, "actual": actual}
        if self.columns:
            said["column"] = ",".join(self.columns)
        severity = AssetCheckSeverity.ERROR
        return AssetCheckResult(
            asset_key=asset,
            check_name=self.name,
            passed=passed,
            severity=severity if self.severity == "error" else AssetCheckSeverity.WARN,
            description=actual,
            metadata={**counts, keys.ASSERTION: MetadataValue.json(said)},
        )


def _rule(
    name: str, columns: tuple[str, ...], expected: str, broken: Callable[[Any], int], more: Any
) -> Rule:
    return Rule(**{
        "name": name, "columns": columns, "expected": expected, "broken": broken, **more
    })  # fmt: skip


def not_null(column: str, **more: Any) -> Rule:
    """No cell of a column is null; ``more`` as for ``Rule``."""
    return _rule(
        f"not_null_{column}", (column,), "no nulls",
        lambda table: int(table.column(column).null_count), more,
    )  # fmt: skip


def unique(*columns: str, **more: Any) -> Rule:
    """No two rows are alike in some columns together."""

    def repeated(table: Any) -> int:
        groups = table.select(list(columns)).group_by(list(columns)).aggregate([]).num_rows
        return int(table.num_rows - groups)

    return _rule(f"unique_{'_'.join(columns)}", columns, "unique", repeated, more)


def in_range(
    column: str, *, min: float | None = None, max: float | None = None, **more: Any  # noqa: A002
) -> Rule:  # fmt: skip
    """Numbers of a column lie between two others, both included; nulls do not count."""

    def outside(table: Any) -> int:
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = table.column(column).cast(pa.float64())
        broken = pc.is_nan(numbers)
        if min is not None:
            broken = pc.or_(broken, pc.less(numbers, min))
        if max is not None:
            broken = pc.or_(broken, pc.greater(numbers, max))
        return int(pc.sum(pc.fill_null(broken, False)).as_py() or 0)

    low, high = ("…" if one is None else f"{one:g}" for one in (min, max))
    return _rule(f"range_{column}", (column,), f"{low} to {high}", outside, more)


def one_of(column: str, values: Collection[Any], **more: Any) -> Rule:
    """Cells of a column hold nothing but these values; nulls do not count."""

    def others(table: Any) -> int:
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = table.column(column)
        known = pc.is_in(cells, value_set=pa.array(list(values), type=cells.type))
        return int(pc.sum(pc.and_(pc.invert(known), pc.is_valid(cells))).as_py() or 0)

    return _rule(f"allowed_{column}", (column,), f"one of {len(values)} values", others, more)


def row_count(*, min: int = 1, max: int | None = None, **more: Any) -> Rule:  # noqa: A002
    """The table has so many rows."""

    def outside(table: Any) -> int:
        fits = min <= table.num_rows and (max is None or table.num_rows <= max)
        return 0 if fits else int(table.num_rows) or 1

    text = f"at least {min} rows" if max is None else f"{min} to {max} rows"
    return _rule("row_count", (), text, outside, more)


def quality_checks(
    asset: AssetsDefinition | AssetKey | str,
    rules: Sequence[Rule],
    *,
    load: Load,
    blocking: bool = True,
    name: str | None = None,
) -> AssetChecksDefinition:
    """Checks that hold an asset to rules where its data lies; needs pyarrow (extra ``scan``).

    Args:
        asset: What is checked.
        rules: For example ``[not_null("id"), unique("id"), row_count(min=1)]``.
        load: Gives a path of a CSV or Parquet file, a pandas data frame or a pyarrow table.
        blocking: Whether what depends on the asset must not run in the same run where one with
            severity ``error`` fails.
        name: Of the step.

    Raises:
        Misconfigured: No rule, or two of one name.
    """
    key = asset.key if isinstance(asset, AssetsDefinition) else AssetKey.from_coercible(asset)
    names = [rule.name for rule in rules]
    if not names or len(set(names)) < len(names):
        raise Misconfigured(
            "each rule needs a name of its own, and there must be one",
            where=key.to_user_string(),
        )
    specs = [
        AssetCheckSpec(rule.name, asset=key, description=rule.expected, blocking=blocking)
        for rule in rules
    ]

    @multi_asset_check(specs=specs, name=name or f"{'_'.join(key.path)}_quality")
    def evaluate() -> Iterator[AssetCheckResult]:
        table = _table(load)
        for rule in rules:
            yield rule.result(key, table)

    return evaluate


def _table(load: Load) -> Any:
    given = load()
    if hasattr(given, "column_names"):
        return given
    if hasattr(given, "to_parquet"):
        import pyarrow as pa

        return pa.Table.from_pandas(given, preserve_index=False)
    with as_file(lambda: given) as path:
        if path.suffix == ".csv":
            import pyarrow.csv

            return pyarrow.csv.read_csv(path)
        import pyarrow.parquet as pq

        return pq.read_table(path)
