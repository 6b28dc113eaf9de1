"""The whole-column pass: cheap patterns that no rare e-mail, IBAN or long number escapes.

A sample of a thousand rows cannot see one address in a million notes; a linear pattern over every
distinct value can. Hits are handed to the detector, which has the last word. The patterns (e-mail,
IBAN, number of seven digits, IPv4) stay within what RE2 runs fast: no nested counted repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["find_needles"]

_GAP = r"[ ().+/-]?[ (]?"
_PATTERNS = (
    r"[^\s@]@[^\s@]+\.[A-Za-z]",
    r"[A-Za-z]{2}\d\d ?[0-9A-Za-z]{4}",
    _GAP.join([r"\d"] * 7),
    r"\d\.\d+\.\d+\.\d",
)


def find_needles(values: pa.Array[Any]) -> list[list[int]]:
    """Per pattern the indexes of the values that match; a value can be in several lists."""
    import pyarrow.compute as pc

    hits = (pc.match_substring_regex(values, pattern) for pattern in _PATTERNS)
    return [[int(i) for i in pc.indices_nonzero(hit).to_pylist()] for hit in hits]
