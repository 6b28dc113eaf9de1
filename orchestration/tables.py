"""Tables: CSV and Parquet to Arrow, with errors that never repeat a value of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from lineage.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TYPES", "describe", "parquet_bytes", "read_governed", "read_table"]

TYPES = ("string", "int64", "float64", "bool", "date", "timestamp")
"""Column types that a manifest can declare."""

_CSV_PLACE = re.compile(r"CSV column #(\d+)")
_CSV_ROW = re.compile(r"Row #(\d+)")


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    known = {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }
    return known[name]


def read_table(
    file: IO[bytes],
    *,
    form: str,
    columns: Mapping[str, str],
    where: str,
) -> pa.Table:
    """Read a source and hold it to its declared columns.

    Args:
        file: At its beginning.
        form: ``csv`` or ``parquet``.
        columns: Declared name and type (one of ``TYPES``); columns beyond these are kept as found.
        where: What to name in errors.

    Raises:
        InvalidInput: It is not of that format, a declared column is missing, or a column holds
            something that is not of its type.
    """
    if form not in {"csv", "parquet"}:
        raise InvalidInput(
            f"format {form!r} cannot be read", where=where, advice="use csv or parquet"
        )
    table = _read_csv(file, columns, where) if form == "csv" else _read_parquet(file, where)
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InvalidInput(
            f"declared columns are missing: {', '.join(missing)}",
            where=where,
            advice="correct the file, or the columns in the dataset's manifest",
        )
    repeated = {name for name in table.column_names if table.column_names.count(name) > 1}
    if repeated:
        raise InvalidInput(f"columns appear twice: {', '.join(sorted(repeated))}", where=where)
    return _held_to_types(table, columns, where)


def _read_csv(file: IO[bytes], columns: Mapping[str, str], where: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    declared = {name: _arrow_type(type_) for name, type_ in columns.items()}
    # A scalar empty text stays an empty text; NA stands for a missing number, as in the flights.
    options = csv.ConvertOptions(column_types=declared)
    try:
        return csv.read_csv(file, convert_options=options)
    except pa.ArrowInvalid as error:
        raise _csv_error(str(error), file, where) from None


def _csv_error(text: str, file: IO[bytes], where: str) -> InvalidInput:
    place = _CSV_PLACE.search(text)
    if place is None:
        row = _CSV_ROW.search(text)
        at = f"{where}, row {row[1]}" if row else where
        return InvalidInput(
            "the file is not a well-formed CSV table",
            where=at,
            advice="every line needs as many cells as the header",
        )
    column = _header_name(file, int(place[1]))
    return InvalidInput(
        f"column {column!r} holds something that is not of its declared type",
        where=where,
        advice="correct the file, or the column's type in the dataset's manifest",
    )


def _header_name(file: IO[bytes], index: int) -> str:
    import csv

    file.seek(0)
    header = next(csv.reader([file.readline().decode("utf-8", "replace")]), [])
    return header[index] if index < len(header) else f"#{index}"


def _read_parquet(file: IO[bytes], where: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(file)
    except (pa.ArrowException, OSError):
        raise InvalidInput(
            "the file is not a readable Parquet table",
            where=where,
            advice="write it again; it is damaged or cut off",
        ) from None


def _held_to_types(table: pa.Table, columns: Mapping[str, str], where: str) -> pa.Table:
    import pyarrow as pa

    for index, name in enumerate(table.column_names):
        wanted = columns.get(name)
        if wanted is None or table.column(name).type == _arrow_type(wanted):
            continue
        have = table.column(name).type
        # Narrower numbers widen without loss; text never turns into a number silently.
        text = pa.types.is_string(have) or pa.types.is_large_string(have)
        if text != (wanted == "string"):
            raise _wrong_type(name, wanted, have, where)
        try:
            column = table.column(name).cast(_arrow_type(wanted))
        except pa.ArrowException:
            raise _wrong_type(name, wanted, have, where) from None
        table = table.set_column(index, name, column)
    return table


def _wrong_type(name: str, wanted: str, have: Any, where: str) -> InvalidInput:
    return InvalidInput(
        f"column {name!r} is {have}, declared as {wanted}",
        where=where,
        advice="correct the file, or the column's type in the dataset's manifest",
    )


def read_governed(path: Any, columns: Sequence[str] | None = None) -> pa.Table:
    """A governed copy, wholly or only some columns.

    Raises:
        InvalidInput: It is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=list(columns) if columns is not None else None)
    except (pa.ArrowException, OSError):
        raise InvalidInput(
            "a governed copy is missing or damaged",
            where=str(path),
            advice="materialize the dataset again",
        ) from None


def parquet_bytes(table: pa.Table) -> memoryview:
    """The table as Parquet; the same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return memoryview(sink.getvalue())


def describe(table: pa.Table) -> list[dict[str, str]]:
    """Name and type of every column, as the schema facet wants them."""
    return [{"name": field.name, "type": str(field.type)} for field in table.schema]
