"""Which columns a dataset will have, as far as manifests and file headers can tell."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from catalog.manifests.datasets import Dataset, SourceFile
from catalog.manifests.paths import path_fault
from catalog.manifests.policy import Policy

__all__ = ["Columns"]

_HEADER_BYTES: Final = 1 << 20


@dataclass
class Columns:
    """Columns by dataset, worked out once each.

    Attributes:
        policy: As loaded.
        folders: Where local sources may lie.
    """

    policy: Policy
    folders: Sequence[str]
    _known: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def of(self, name: str) -> tuple[str, ...] | None:
        """The columns of a dataset; None where only a run can tell."""
        if name not in self._known:
            self._known[name] = None  # holds while it is worked out, so that a loop ends
            one = self.policy.datasets.get(name)
            self._known[name] = self._work_out(one) if one is not None else None
        return self._known[name]

    def _work_out(self, one: Dataset) -> tuple[str, ...] | None:
        if one.source is not None:
            return self._header(one.source)
        if one.deidentify is not None:
            before = self.of(one.deidentify.dataset)
            measures = one.deidentify.columns
            gone = {column for column, how in measures.items() if how.operator == "drop"}
            return None if before is None else tuple(c for c in before if c not in gone)
        if one.join is not None:
            return one.join.columns or self.joined(one, len(one.join.lookups))
        return None

    def joined(self, one: Dataset, lookups: int) -> tuple[str, ...] | None:
        """The columns of a join after its first ``lookups``."""
        if one.join is None:
            return None
        base = self.of(one.join.base)
        taken = [name for lookup in one.join.lookups[:lookups] for name in lookup.columns]
        return None if base is None else (*base, *taken)

    def _header(self, source: SourceFile) -> tuple[str, ...] | None:
        if source.path is None or path_fault(source.path, self.policy.root, self.folders):
            return None
        path = self.policy.root / source.path
        return _csv_header(path) if source.format == "csv" else _parquet_header(path)


def _csv_header(path: Path) -> tuple[str, ...] | None:
    try:
        with path.open("rb") as file:
            line = file.readline(_HEADER_BYTES).decode("utf-8-sig")
        return tuple(next(csv.reader([line], strict=True), ())) or None
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def _parquet_header(path: Path) -> tuple[str, ...] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return None
