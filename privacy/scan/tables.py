"""Scanning whole tables and files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.errors import InvalidInput, NotFound, Unavailable
from lineage.facts import Json
from privacy.scan.columns import scan_column
from privacy.scan.engine import engine
from privacy.scan.findings import ColumnFinding
from privacy.scan.port import Detector
from privacy.scan.settings import ScanSettings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Scan", "read_table", "scan_path", "scan_report", "scan_table"]

_DEFAULT = ScanSettings()
_UNKEYED = b"tracehold/scan/unkeyed".ljust(32, b"\0")


@dataclass(frozen=True, slots=True)
class Scan:
    """The findings of one table and what they rest on.

    Attributes:
        findings: At least one per column.
        engine: Detector and version.
        config_digest: SHA-256 over settings, rules and engine.
        rows: Rows of the table.
        seconds: How long the scan took.
    """

    findings: list[ColumnFinding]
    engine: str
    config_digest: str
    rows: int
    seconds: float = field(compare=False, default=0.0)

    def as_dict(self) -> dict[str, Json]:
        """The answer of ``pii scan --json``."""
        return {
            "columns": [finding.as_dict() for finding in self.findings],
            "engine": self.engine,
            "config_digest": self.config_digest,
            "rows": self.rows,
        }


def scan_table(
    table: pa.Table, *, settings: ScanSettings = _DEFAULT, secret: bytes = _UNKEYED
) -> list[ColumnFinding]:
    """What personal data the columns of a table hold.

    Args:
        table: The data.
        settings: Limits and thresholds.
        secret: Keys the sampling; the workspace secret where there is one.

    Returns:
        At least one finding per column, nested fields joined by dots; never a value.
    """

    def detector() -> Detector:
        from privacy.scan.presidio import load_detector

        return load_detector(settings)

    findings: list[ColumnFinding] = []
    for name, column in _leaves(table):
        findings += scan_column(name, column, settings=settings, secret=secret, detector=detector)
    return findings


def scan_report(
    table: pa.Table, *, settings: ScanSettings = _DEFAULT, secret: bytes = _UNKEYED
) -> Scan:
    """The findings together with engine, configuration digest, rows and time taken."""
    started = time.perf_counter()
    findings = scan_table(table, settings=settings, secret=secret)
    seconds = time.perf_counter() - started
    name = engine()
    return Scan(findings, name, settings.digest(name), table.num_rows, seconds)


def scan_path(
    path: Path | str, *, settings: ScanSettings = _DEFAULT, secret: bytes = _UNKEYED
) -> Scan:
    """Scan a CSV or Parquet file, chosen by its name.

    Raises:
        NotFound: There is no such file.
        InvalidInput: Neither CSV nor Parquet, or it cannot be parsed.
        Unavailable: The file may not be read.
    """
    return scan_report(read_table(Path(path)), settings=settings, secret=secret)


def read_table(path: Path) -> pa.Table:
    """Read a CSV or Parquet file.

    Raises:
        NotFound: There is no such file.
        InvalidInput: Neither CSV nor Parquet, or it cannot be parsed. The parser's message may
            quote a cell, so it is not passed on.
        Unavailable: The file may not be read.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            return pyarrow.parquet.ParquetFile(path).read()
        if name.endswith((".csv", ".csv.gz", ".tsv")):
            options = pyarrow.csv.ParseOptions(
                delimiter="\t" if name.endswith(".tsv") else ",", newlines_in_values=True
            )
            return pyarrow.csv.read_csv(path, parse_options=options)
    except FileNotFoundError:
        raise NotFound("there is no such file", where=str(path), advice="check the path") from None
    except PermissionError:
        raise Unavailable(
            "the file may not be read", where=str(path), advice="check its permissions"
        ) from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError):
        raise InvalidInput(
            "the file cannot be parsed",
            where=str(path),
            advice="it is damaged or not what its name says; write it again",
        ) from None
    raise InvalidInput(
        "only CSV and Parquet files can be scanned",
        where=str(path),
        advice="name it .csv, .csv.gz, .tsv or .parquet, or convert it",
    )


def _leaves(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray[Any]]]:
    for name, column in zip(table.column_names, table.columns, strict=True):
        yield from _flatten(name, column)


def _flatten(name: str, column: pa.ChunkedArray[Any]) -> Iterator[tuple[str, pa.ChunkedArray[Any]]]:
    """Structs become their fields, lists their items, maps keys and values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_struct(kind):
        for field_, child in zip(kind, column.flatten(), strict=True):
            yield from _flatten(f"{name}.{field_.name}", child)
    elif pa.types.is_map(kind):
        keys = pa.chunked_array([chunk.keys for chunk in column.chunks], kind.key_type)
        items = pa.chunked_array([chunk.items for chunk in column.chunks], kind.item_type)
        yield from _flatten(f"{name}.key", keys)
        yield from _flatten(f"{name}.value", items)
    elif (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        yield from _flatten(name, pc.list_flatten(column))
    else:
        yield name, column
