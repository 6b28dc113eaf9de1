"""De-identification of a table by declared rules, with a record of what was done.

A pseudonym is still personal data (GDPR Art. 4(5)); the record says ``pseudonymous`` so that nobody
reads it as anonymous. A measure counts only after the result was scanned again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args

from lineage.errors import InvalidInput
from lineage.facts import Json
from privacy.scan.settings import ScanSettings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OPERATORS", "Operator", "Record", "Rule", "apply"]

Operator = Literal["pseudonymize", "redact", "mask", "generalize", "drop"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)

_DATE_PARTS = {"year": 4, "month": 7, "day": 10}


@dataclass(frozen=True, slots=True)
class Rule:
    """One measure on one column.

    Attributes:
        column: Name of the column.
        operator: ``pseudonymize`` (keyed token, equal values stay equal within the dataset),
            ``redact`` (spans in text become their type), ``mask`` (keep the last characters),
            ``generalize`` (ISO date to ``year``, ``month`` or ``day``; number to a ``width``),
            ``drop``.
        parameters: ``length`` of a pseudonym (8 to 43, default 22), ``keep`` of a mask (default
            2), ``to`` or ``width`` of a generalization.
    """

    column: str
    operator: Operator
    parameters: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """What was done to one column.

    Attributes:
        column: Name of the column.
        operator: The measure.
        parameters: Its parameters.
        key_ref: Fingerprint of the key used; empty where none was. Not the key.
        rows: Cells that were not null.
        changed: Cells that differ afterwards.
        distinct_before: Distinct values before.
        distinct_after: Distinct values after.
        pseudonymous: True where the holder of the key could link the result to a person again.
    """

    column: str
    operator: Operator
    parameters: Mapping[str, Json]
    key_ref: str
    rows: int
    changed: int
    distinct_before: int
    distinct_after: int
    pseudonymous: bool

    def as_dict(self) -> dict[str, Json]:
        """The record as the ``deidentification`` aspect holds it, slot = column."""
        return {
            "operator": self.operator,
            "parameters": dict(self.parameters),
            "key_ref": self.key_ref,
            "rows": self.rows,
            "changed": self.changed,
            "distinct_before": self.distinct_before,
            "distinct_after": self.distinct_after,
            "pseudonymous": self.pseudonymous,
        }


def apply(
    table: pa.Table,
    rules: Sequence[Rule],
    secret: bytes,
    *,
    dataset: str,
    settings: ScanSettings | None = None,
) -> tuple[pa.Table, list[Record]]:
    """Carry out the rules.

    Args:
        table: The data.
        rules: At most one per column.
        secret: The workspace secret; the key of a dataset is derived from it.
        dataset: Reference of the dataset written, part of the key: pseudonyms of two datasets do
            not match, so that they cannot be joined by accident. Give the same text where a join
            is wanted.
        settings: What ``redact`` looks for; the default where None.

    Returns:
        The new table and one record per rule, in the order of the rules.

    Raises:
        InvalidInput: A column is missing or named twice, an operator or parameter is not known,
            or the column's type does not fit the operator.
    """
    key = hmac.new(secret, b"tracehold/pseudonym/1\0" + dataset.encode(), hashlib.sha256).digest()
    seen: set[str] = set()
    records: list[Record] = []
    for rule in rules:
        if rule.column in seen or rule.column not in table.column_names:
            problem = "is named twice" if rule.column in seen else "does not exist"
            raise InvalidInput(
                f"the column of a de-identification rule {problem}",
                where=rule.column,
                advice=f"columns are: {', '.join(table.column_names)}",
            )
        seen.add(rule.column)
        table, record = _carry_out(table, rule, key, settings or ScanSettings())
        records.append(record)
    return table, records


def _carry_out(
    table: pa.Table, rule: Rule, key: bytes, settings: ScanSettings
) -> tuple[pa.Table, Record]:
    import pyarrow.compute as pc

    before = table.column(rule.column)
    rows = len(before) - before.null_count
    distinct = int(pc.count_distinct(before).as_py())
    keyed = rule.operator == "pseudonymize"
    key_ref = hashlib.sha256(b"key-ref\0" + key).hexdigest()[:16] if keyed else ""
    if rule.operator == "drop":
        record = Record(rule.column, "drop", {}, "", rows, rows, distinct, 0, pseudonymous=False)
        return table.drop_columns([rule.column]), record
    after = _map(before, _function(rule, key, settings))
    index = table.column_names.index(rule.column)
    table = table.set_column(index, rule.column, after)
    changed = _changed(before, after)
    left = int(pc.count_distinct(after).as_py())
    record = Record(
        rule.column, rule.operator, dict(rule.parameters), key_ref, rows, changed, distinct, left,
        pseudonymous=keyed,
    )  # fmt: skip
    return table, record


def _map(
    column: pa.ChunkedArray[Any], function: Callable[[list[str]], list[str]]
) -> pa.ChunkedArray[Any]:
    """Apply a function to the distinct values, as text; nulls stay null."""
    import pyarrow as pa

    text = column.cast(pa.string()).combine_chunks()
    if isinstance(text, pa.ChunkedArray):
        text = pa.concat_arrays(text.chunks)
    encoded = text.dictionary_encode()
    mapped = pa.array(function(encoded.dictionary.to_pylist()), pa.string())
    return pa.chunked_array([mapped.take(encoded.indices)])


def _changed(before: pa.ChunkedArray[Any], after: pa.ChunkedArray[Any]) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    return int(pc.sum(pc.not_equal(before.cast(pa.string()), after)).as_py() or 0)


def _function(rule: Rule, key: bytes, settings: ScanSettings) -> Callable[[list[str]], list[str]]:
    if rule.operator == "pseudonymize":
        return _each(_pseudonym(key, _number(rule, "length", 22, 8, 43)))
    if rule.operator == "mask":
        keep = _number(rule, "keep", 2, 0, 4)
        return _each(lambda value: _mask(value, keep))
    if rule.operator == "generalize":
        return _each(_generalize(rule))
    if rule.operator == "redact":
        return lambda values: _redact(values, settings)
    raise InvalidInput(
        f"{rule.operator!r} is not an operator",
        where=rule.column,
        advice=f"use one of {', '.join(OPERATORS)}",
    )


def _each(function: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda values: [function(value) for value in values]


def _number(rule: Rule, name: str, default: int, low: int, high: int) -> int:
    value = rule.parameters.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidInput(
            f"{name} of {rule.operator} is a number from {low} to {high}", where=rule.column
        )
    return value


def _pseudonym(key: bytes, length: int) -> Callable[[str], str]:
    def token(value: str) -> str:
        digest = hmac.new(key, value.encode(), hashlib.sha256).digest()
        # Base32 letters only: a token must not look like a phone or card number to a scanner.
        text = base64.b32encode(digest).decode().translate(_LETTERS)
        return text[:length].lower()

    return token


_LETTERS = str.maketrans("234567=", "BCDFGHJ")


def _mask(value: str, keep: int) -> str:
    shown = value[-keep:] if 0 < keep <= len(value) // 2 else ""
    return "*" * 8 + shown


def _generalize(rule: Rule) -> Callable[[str], str]:
    to = rule.parameters.get("to")
    if isinstance(to, str) and to in _DATE_PARTS:
        return lambda value: _date_part(value, _DATE_PARTS[to], rule.column)
    width = rule.parameters.get("width")
    if isinstance(width, int) and not isinstance(width, bool) and width > 0:
        return lambda value: _bucket(value, width, rule.column)
    raise InvalidInput(
        "generalize needs a target",
        where=rule.column,
        advice="give to: year, month or day for dates, or width: N for numbers",
    )


def _date_part(value: str, length: int, column: str) -> str:
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        raise InvalidInput(
            "a cell is not an ISO date", where=column, advice="write dates as YYYY-MM-DD first"
        ) from None
    return value[:length]


def _bucket(value: str, width: int, column: str) -> str:
    try:
        low = int(float(value) // width) * width
    except (ValueError, OverflowError):
        raise InvalidInput(
            "a cell is not a number", where=column, advice="generalize with width needs numbers"
        ) from None
    return f"{low}-{low + width - 1}"


def _redact(values: list[str], settings: ScanSettings) -> list[str]:
    from privacy.scan.presidio import load_detector

    redacted = []
    for value, spans in zip(values, load_detector(settings).detect(values), strict=True):
        if len(value) > settings.longest:
            redacted.append("<TOO_LONG>")  # what was not read must not pass as clean
            continue
        text = value
        for span in reversed(spans):
            text = f"{text[: span.start]}<{span.entity}>{text[span.end :]}"
        redacted.append(text)
    return redacted
