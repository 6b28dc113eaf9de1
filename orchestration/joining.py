"""Training sets: governed datasets joined at exact versions, with the origin of every column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineage.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["JoinOn", "Joined", "Origin", "join"]

_ROW = "__tracehold_row"


@dataclass(frozen=True, slots=True)
class JoinOn:
    """A dataset that is looked up for every row.

    Attributes:
        dataset: Its name.
        on: Columns that both sides have; unique on the side looked up.
        columns: What to take from it.
    """

    dataset: str
    on: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A column of an input."""

    dataset: str
    column: str


@dataclass(frozen=True, slots=True)
class Joined:
    """The result of a join.

    Attributes:
        table: In the order of the base's rows.
        origins: For every column of the table where its values come from.
        influences: Columns that decided which values meet, without being copied.
    """

    table: pa.Table
    origins: Mapping[str, Origin]
    influences: tuple[Origin, ...]


def join(
    base: str,
    joins: Sequence[JoinOn],
    columns: Sequence[str],
    tables: Mapping[str, pa.Table],
) -> Joined:
    """Left join, one lookup after the other; a row that finds nothing keeps empty cells.

    Args:
        base: The dataset whose rows are kept.
        joins: Lookups in order; a later one may use columns that an earlier one brought.
        columns: What to keep, in this order; empty keeps all.
        tables: By dataset name.

    Raises:
        InvalidInput: A column does not exist, comes twice, or a lookup's key is not unique.
    """
    table = tables[base]
    origins = {name: Origin(base, name) for name in table.column_names}
    influences: list[Origin] = []
    for one in joins:
        wanted = [*one.on, *one.columns]
        right = tables[one.dataset]
        _need(wanted, right.column_names, one.dataset)
        _need(one.on, table.column_names, base)
        twice = [name for name in one.columns if name in origins]
        if twice:
            raise InvalidInput(
                f"column {twice[0]!r} comes from two datasets",
                where=f"{origins[twice[0]].dataset} and {one.dataset}",
                advice="leave it out of one of them",
            )
        right = right.select(wanted)
        _need_unique(right, one)
        influences += [origins[name] for name in one.on]
        influences += [Origin(one.dataset, name) for name in one.on]
        table = _left(table, right, one.on)
        origins |= {name: Origin(one.dataset, name) for name in one.columns}
    keep = list(columns) or list(table.column_names)
    _need(keep, table.column_names, base)
    return Joined(
        table.select(keep),
        {name: origins[name] for name in keep},
        tuple(dict.fromkeys(influences)),
    )


def _need(wanted: Sequence[str], have: Sequence[str], dataset: str) -> None:
    missing = [name for name in wanted if name not in have]
    if missing:
        raise InvalidInput(
            f"columns do not exist: {', '.join(missing)}",
            where=dataset,
            advice="correct the transform in the manifest of the training set",
        )


def _need_unique(right: pa.Table, lookup: JoinOn) -> None:
    keys = right.group_by(list(lookup.on)).aggregate([])
    if keys.num_rows != right.num_rows:
        raise InvalidInput(
            f"{right.num_rows - keys.num_rows} rows repeat the key {', '.join(lookup.on)}",
            where=lookup.dataset,
            advice="name columns that are unique together, or rows would be multiplied",
        )


def _left(table: pa.Table, right: pa.Table, on: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    # The join runs in parallel and forgets the order of rows, so it is carried along.
    numbered = table.append_column(_ROW, pa.array(range(table.num_rows), pa.int64()))
    joined = numbered.join(right, list(on), join_type="left outer")
    return joined.sort_by(_ROW).drop_columns([_ROW])
