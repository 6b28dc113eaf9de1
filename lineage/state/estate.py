"""How much of the estate is known for what, counted where it is stored."""

from __future__ import annotations

import sqlite3
from typing import Final

from lineage.state.point_table import read_points
from lineage.state.port import EstateCounts
from lineage.state.resolve import resolve

__all__ = ["count_estate", "mentioned"]

_FILE: Final = """instr(node.props, '"namespace":"file"') > 0"""
"""Properties are canonical JSON: within a text the quotes would be escaped."""
_DATASETS: Final = f"""
select count(*), total(feeds > 0), total({_FILE}), total({_FILE} and feeds > 0)
from node where live = 1 and label = 'Dataset'
"""  # noqa: S608
_HAVING: Final = f"""
select count(*) from (select distinct entity_key from point where aspect = ?) as said
cross join node on node.key = said.entity_key and node.live = 1
where node.label = 'Dataset' and not {_FILE}
"""  # noqa: S608
_WITHDRAWN: Final = f"""
select distinct said.entity_key from point as said
cross join node on node.key = said.entity_key and node.live = 1
where said.aspect = ? and said.value = 'null' and node.label = 'Dataset' and not {_FILE}
"""  # noqa: S608
_MENTIONED: Final = """
select wanted.value from json_each(?) as wanted where not exists (
    select 1 from shape_io where entity_key = wanted.value and role in ('in', 'out')
)
"""


def count_estate(db: sqlite3.Connection) -> EstateCounts:
    """Counts over all datasets: at the cost of reading one row of each."""
    everything, linked, files, files_linked = map(int, db.execute(_DATASETS).fetchone())
    return EstateCounts(
        datasets=everything - files,
        linked=linked - files_linked,
        owned=_having(db, "ownership"),
        classed=_having(db, "retention"),
        files=files,
        files_linked=files_linked,
    )


def _having(db: sqlite3.Connection, aspect: str) -> int:
    said = int(db.execute(_HAVING, (aspect,)).fetchone()[0])
    # What was withdrawn once may have been said again, or by another source.
    withdrawn = db.execute(_WITHDRAWN, (aspect,)).fetchall()
    return said - sum(not resolve(aspect, read_points(db, key, aspect)) for (key,) in withdrawn)


def mentioned(db: sqlite3.Connection, keys_json: str) -> set[str]:
    """Of the keys (a JSON list) those that no event read, wrote or described."""
    return {key for (key,) in db.execute(_MENTIONED, (keys_json,))}
