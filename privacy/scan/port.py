"""The detector port: values in, spans out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Detector", "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """One entity found in one value: its type, how sure the detector is, and where it stands."""

    entity: str
    score: float
    start: int
    end: int

    @property
    def length(self) -> int:
        """Characters covered."""
        return self.end - self.start


class Detector(Protocol):
    """Finds entities in values. It never keeps, logs or returns a value."""

    @property
    def name(self) -> str:
        """Engine and version, for the record."""
        ...

    def detect(self, values: Sequence[str]) -> list[list[Span]]:
        """The spans of each value, without overlaps, in order of position."""
        ...
