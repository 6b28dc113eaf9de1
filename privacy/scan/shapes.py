"""Shapes that speak against a hit: times, epochs and ids look like phone and card numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Shape", "measure"]

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?: ?(?:Z|UTC|[AaPp][Mm]|[+-]\d{2}:?\d{2}))?"
_TEMPORAL = re.compile(
    rf"(?:\d{{4}}[-/.]?\d{{2}}[-/.]?\d{{2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}){_TIME}"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
)
_NUMBER = re.compile(r"[+-]?\d+[.,]\d+(?:[eE][+-]?\d+)?|[+-]?\d+[eE][+-]?\d+")
_EPOCH_SECONDS = range(631_152_000, 4_102_444_800)  # 1990 to 2100


@dataclass(frozen=True, slots=True)
class Shape:
    """Shares of the cells of a column, 0 to 1, and its mean number of words.

    Attributes:
        temporal: Dates, times, timestamps.
        epoch: Digits only that are a moment between 1990 and 2100, in s or ms.
        digits: Digits only.
        decimal: Numbers with a fraction or an exponent.
        words: Mean count of words.
    """

    temporal: float
    epoch: float
    digits: float
    decimal: float
    words: float

    @property
    def is_time(self) -> bool:
        """The whole column is dates or times."""
        return self.temporal >= 0.999

    @property
    def is_number(self) -> bool:
        """The whole column is decimal numbers written as text."""
        return self.decimal >= 0.999

    @property
    def is_prose(self) -> bool:
        """Cells are sentences rather than identifiers."""
        return self.words >= 3


def measure(values: Mapping[str, int]) -> Shape:
    """The shape of a column from values and how many rows each stands for."""
    total = sum(values.values())
    if total == 0:
        return Shape(0.0, 0.0, 0.0, 0.0, 0.0)
    temporal = epoch = digits = decimal = words = 0
    for value, weight in values.items():
        text = value.strip()
        words += weight * len(text.split())
        if _TEMPORAL.fullmatch(text):
            temporal += weight
        if text.isdecimal():
            digits += weight
            epoch += weight * _is_epoch(text)
        elif _NUMBER.fullmatch(text):
            decimal += weight
    return Shape(temporal / total, epoch / total, digits / total, decimal / total, words / total)


def _is_epoch(text: str) -> bool:
    if len(text) == 10:
        return int(text) in _EPOCH_SECONDS
    return len(text) == 13 and int(text) // 1000 in _EPOCH_SECONDS
