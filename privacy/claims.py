"""What others claim about personal data with the standard ``tags`` facet.

A label says that somebody once thought so, not that anybody looked: of unknown source and
confidence, it is shown as a claim until a scan or a review says more. Our own mirrored tags claim
nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lineage.state.port import AspectValue

__all__ = ["UNNAMED", "claims"]

_KEYS: Final = frozenset({"pii", "personal-data", "contains-pii"})
_OURS: Final = "TRACEHOLD"
_NO: Final = frozenset({"false", "no", "none", "0"})
_YES: Final = frozenset({"", "true", "yes", "1"})
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,63}")
UNNAMED: Final = "PERSONAL_DATA"
"""Entity type where the label names none."""


def claims(tags: Sequence[AspectValue]) -> Iterator[tuple[str, str, str]]:
    """Column (empty for the whole dataset), entity type and fact id of each claim.

    Args:
        tags: Values of the aspect ``tags`` of one dataset.
    """
    for said in tags:
        for tag in said.value if isinstance(said.value, list) else ():
            if not isinstance(tag, dict) or tag.get("source") == _OURS:
                continue
            if str(tag.get("key", "")).lower().replace("_", "-") not in _KEYS:
                continue
            value, column = str(tag.get("value", "")).strip(), tag.get("field")
            if value.lower() in _NO:
                continue
            named = value.lower() not in _YES and _NAME.fullmatch(value)
            entity = re.sub(r"[. -]", "_", value).upper() if named else UNNAMED
            yield column if isinstance(column, str) else "", entity, said.fact_id
