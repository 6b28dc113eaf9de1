"""A small journal as one release wrote it, opened by every release after.

``python tests/support/stored_journal.py FOLDER`` writes one, in the form of today. The keys are
made for it and open nothing else.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Final

import msgspec
from golden_facts import EVENTS, SAMPLES, folded
from journal_world import TickingClock
from openlineage_events import draft

from lineage.facts import Draft
from lineage.identity import Identity
from lineage.journal.keys import load_keys
from lineage.journal.sqlite import open_journal
from tracehold.registry import make_registry

__all__ = ["FOLDER", "ORIGIN", "copy_of", "identity_of"]

FOLDER: Final = Path(__file__).resolve().parents[1] / "golden" / "journal"
ORIGIN: Final = "tracehold.test/golden"


def copy_of(stored: Path, to: Path) -> tuple[Path, Path]:
    """Data and keys folders of a copy, with the modes that Git does not keep."""
    data, keys = to / "data", to / "keys"
    shutil.copytree(stored / "data", data)
    shutil.copytree(stored / "keys", keys)
    keys.chmod(0o700)
    for path in keys.iterdir():
        path.chmod(0o600)
    return data, keys


def identity_of(keys: Path) -> Identity:
    """What derives the keys of entities in that journal."""
    return Identity(load_keys(keys).secret)


def _write(to: Path) -> None:
    journal = open_journal(to / "data", to / "keys", origin=ORIGIN, clock=TickingClock())
    journal.append([draft(event) for event in EVENTS.values()])
    for body in SAMPLES:
        kind = str(body.__struct_config__.tag)
        body_of = msgspec.json.encode(body, order="deterministic")
        stream = "hold" if kind.startswith("hold.") else None
        journal.append([Draft(kind, "person:7f", body_of, stream=stream)])
    facts, head = journal.read(0, 1000), journal.head()
    told = {
        "size": head.size,
        "checkpoint": journal.checkpoint(),
        "raw": [len(journal.get(fact.fact_id).raw or b"") for fact in facts[:5]],
        "leaves": folded(facts, make_registry(), identity_of(to / "keys")),
    }
    text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)
    (to / "told.json").write_text(text + "\n", "utf-8")
    journal.close()
    for path in (to / "data" / "journal.db", to / "keys" / "parts.db"):
        # One file each: nothing left in a log beside it.
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("pragma journal_mode = delete")
        db.execute("vacuum")
        db.execute("pragma journal_mode = wal")
        db.close()


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
