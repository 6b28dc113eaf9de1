"""Moments as other tools write them, in epoch milliseconds."""

from __future__ import annotations

import re
from typing import Final

from lineage.facts import Json
from lineage.openlineage.times import event_time

__all__ = ["moment"]

_APART: Final = re.compile(r"\s+(?=[+-]\d\d:?\d\d\Z|Z\Z|UTC\Z)")


def moment(value: Json, default: int = 0) -> int:
    """A time as ISO 8601 (the zone may stand apart, without one it is UTC) or as epoch number.

    Returns:
        Epoch milliseconds; ``default`` where the value is no time.
    """
    if isinstance(value, str):
        value = _APART.sub("", value.strip()).removesuffix("UTC")
        if value.isdigit():
            value = int(value)
    found, _ = event_time(value)
    return default if found is None else found
