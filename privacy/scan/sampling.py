"""Which values of a column are looked at: all distinct ones, or rows drawn by a keyed seed.

The seed comes from the workspace secret and the column, so that the same data gives the same
finding, and nobody who can write the data can tell which rows will be drawn.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Distinct", "draw", "encode"]


@dataclass(frozen=True, slots=True)
class Distinct:
    """The distinct values of a column and how many rows hold each; nulls are not among them."""

    values: pa.Array[Any]
    counts: list[int]
    rows: int
    nulls: int


def encode(column: pa.ChunkedArray[Any]) -> Distinct:
    """Distinct values and their counts, by Arrow's dictionary; order of first appearance."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    column = column.cast(pa.large_string())
    counted = pc.value_counts(column.drop_null())
    values, counts = counted.field("values"), counted.field("counts").to_pylist()
    return Distinct(values, [int(c) for c in counts], len(column), column.null_count)


def draw(distinct: Distinct, *, rows: int, secret: bytes, column: str) -> dict[int, int]:
    """``rows`` rows drawn without replacement: index of the distinct value → rows drawn.

    Args:
        distinct: The column's values.
        rows: How many rows to draw; all where there are fewer.
        secret: Keys the seed.
        column: Part of the seed, so that columns are drawn independently.
    """
    import numpy as np

    seed = hmac.new(secret, b"tracehold/sample/1\0" + column.encode(), hashlib.sha256).digest()
    generator = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    counts = np.asarray(distinct.counts, dtype=np.int64)
    total = int(counts.sum())
    picked = generator.choice(total, size=min(rows, total), replace=False)
    owners = np.searchsorted(np.cumsum(counts), picked, side="right")
    indexes, drawn = np.unique(owners, return_counts=True)
    return dict(zip(indexes.tolist(), drawn.tolist(), strict=True))
