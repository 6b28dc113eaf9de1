"""What a scan may be told, and the digest under which its findings stand."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

import msgspec

__all__ = ["RULES", "ScanSettings"]

RULES = "columns/1"
"""Version of the column decision rule; part of the configuration digest."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """Limits and thresholds of a scan.

    Attributes:
        sample: Rows drawn from a column that has more distinct values than ``exhaustive``.
        exhaustive: Up to this many distinct values a column is scanned whole.
        needles: Distinct values that match one pattern of the whole-column pass and are all handed
            to the detector; where more match, ``dense`` of them are.
        dense: See ``needles``.
        typed: Share of cells that an entity must cover to type a column.
        coverage: Share of a cell's characters that counts as covering it.
        text: Share of cells above which an entity without a check digit is confirmed in text.
        min_score: Spans below this score are not looked at.
        regions: Regions in whose national form phone numbers are recognized (ISO 3166-1 alpha-2).
        longest: Characters of a value that are looked at; a longer value makes the scan say so.
    """

    sample: int = 1000
    exhaustive: int = 2000
    needles: int = 2000
    dense: int = 250
    typed: float = 0.30
    coverage: float = 0.5
    text: float = 0.01
    min_score: float = 0.3
    regions: tuple[str, ...] = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "CA")
    longest: int = 4000

    def digest(self, engine: str) -> str:
        """SHA-256 over settings, rule version and engine: the same digest, the same findings."""
        raw = msgspec.json.encode([RULES, engine, asdict(self)], order="deterministic")
        return hashlib.sha256(raw).hexdigest()
