"""Random tampers with a journal that is closed: by byte, by row, by history.

Every tamper changes an envelope, a part that is present, a tree node or a checkpoint; so every one
of them must be found. ``Specimen`` holds the files of a journal as bytes and lays them out again.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from journal_world import ORIGIN, JournalFolder, TickingClock, draft

from lineage.journal.sqlite import open_journal
from lineage.journal.verify import VerifyReport, verify_journal

__all__ = ["TAMPERS", "Specimen", "grown", "make_specimen"]

_FACT = ("envelope", "distilled", "raw")


@dataclass(frozen=True)
class Specimen:
    """The files of a closed journal, and what an auditor knows of it.

    Attributes:
        files: By path below the workspace.
        erased: Positions with an erased raw part.
        witness: The newest checkpoint.
        vkey: The verifier key that the auditor got at the beginning.
        size: Facts.
        older: The same journal at an earlier time; None for the oldest.
    """

    files: dict[str, bytes]
    erased: frozenset[int]
    witness: str
    vkey: str
    size: int
    older: Specimen | None = None

    def lay_out(self, root: Path) -> JournalFolder:
        """Write the files; what else lies there goes."""
        for folder in ("data", "keys"):
            (root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (root / folder).iterdir():
                path.unlink()
        for name, content in self.files.items():
            (root / name).write_bytes(content)
            (root / name).chmod(0o600)
        return JournalFolder(root, TickingClock(1_800_000_000_000))


def make_specimen(root: Path, *, facts: int, rotate: bool) -> Specimen:
    """A journal in two states: at half its facts, and whole."""
    folder = JournalFolder(root)
    half = facts // 2
    folder.filled(half)
    journal = folder.open()
    vkey = journal.verifier_key
    if rotate:
        journal.rotate_key(actor="person:a1")
    journal.close()
    older = _taken(folder, vkey, frozenset(), None)
    journal = folder.open()
    number, end = 10_000, 10_000 + facts - half
    while number < end:
        count = min(1 + number % 9, end - number)
        journal.append(
            [draft(i, stream="hold" if i % 4 else None) for i in range(number, number + count)]
        )
        number += count
    chosen = 2 + half
    journal.erase(_id(folder, chosen), "raw")
    journal.close()
    return _taken(folder, vkey, frozenset({chosen}), older)


def _id(folder: JournalFolder, position: int) -> str:
    with closing(sqlite3.connect(folder.data / "journal.db")) as connection:
        row = connection.execute("SELECT id FROM fact WHERE position = ?", (position,)).fetchone()
        return bytes(row[0]).hex()


def _taken(
    folder: JournalFolder, vkey: str, erased: frozenset[int], older: Specimen | None
) -> Specimen:
    names = ("data/journal.db", "keys/parts.db", "keys/signing.key", "keys/workspace.secret")
    journal = folder.open(read_only=True)
    note, size = journal.checkpoint(), journal.head().size
    journal.close()
    for path in ("data/journal.db", "keys/parts.db"):
        with closing(sqlite3.connect(folder.root / path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = {name: (folder.root / name).read_bytes() for name in names}
    return Specimen(files, erased, note, vkey, size, older)


Tamper = Callable[[Specimen, JournalFolder, random.Random], str]


def _connect(folder: JournalFolder) -> sqlite3.Connection:
    connection = sqlite3.connect(folder.data / "journal.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def flip_byte(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> str:
    """Change one byte of one value."""
    table, key, column = chance.choice(
        [("fact", "position", name) for name in _FACT]
        + [("tile", "key", "root"), ("tile", "key", "hashes"), ("checkpoint", "size", "note")]
    )
    with closing(_connect(folder)) as db:
        rows = db.execute(
            f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL"
        ).fetchall()
        if column == "raw":
            rows = [row for row in rows if row[0] not in specimen.erased]
        if not rows:
            return ""
        where, value = chance.choice(rows)
        data = bytearray(value.encode() if isinstance(value, str) else value)
        data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        changed = data.decode("utf-8", "replace") if isinstance(value, str) else bytes(data)
        if changed == value:
            return ""
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, where))
    return f"byte of {table}.{column}"


def drop_row(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> str:
    """Take one row away."""
    table, key = chance.choice([("fact", "position"), ("tile", "key"), ("checkpoint", "size")])
    with closing(_connect(folder)) as db:
        rows = [row[0] for row in db.execute(f"SELECT {key} FROM {table}")]
        if not rows:
            return ""
        gone = chance.choice(rows)
        db.execute(f"DELETE FROM {table} WHERE {key} = ?", (gone,))
        if table == "fact" and chance.random() < 0.5:
            # And close the gap, so that positions count on.
            for name in ("fact", "member"):
                db.execute(f"UPDATE {name} SET position = -position WHERE position > ?", (gone,))
                db.execute(f"UPDATE {name} SET position = -position - 1 WHERE position < 0")
    return f"row of {table} dropped"


def swap_rows(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> str:
    """Exchange the values of two rows."""
    table, key, columns = chance.choice(
        [("fact", "position", "id, envelope, distilled, raw"), ("fact", "position", "envelope"),
         ("fact", "position", "distilled"), ("checkpoint", "size", "note"),
         ("tile", "key", "root, hashes")]
    )  # fmt: skip
    with closing(_connect(folder)) as db:
        rows = db.execute(f"SELECT {key}, {columns} FROM {table}").fetchall()
        if len(rows) < 2:
            return ""
        one, two = chance.sample(rows, 2)
        sets = ", ".join(f"{name} = ?" for name in columns.split(", "))
        if "id" in columns.split(", "):
            db.execute(f"UPDATE {table} SET id = x'00' WHERE {key} = ?", (one[0],))
        db.execute(f"UPDATE {table} SET {sets} WHERE {key} = ?", (*one[1:], two[0]))
        db.execute(f"UPDATE {table} SET {sets} WHERE {key} = ?", (*two[1:], one[0]))
    return f"rows of {table} swapped"


def insert_row(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> str:
    """Put a copy of a row in, at the end or between."""
    table = chance.choice(["fact", "tile", "checkpoint", "member"])
    with closing(_connect(folder)) as db:
        at = chance.randint(1, specimen.size)
        if table == "fact":
            db.execute(
                "INSERT INTO fact SELECT ?, randomblob(16), envelope, distilled, raw FROM fact"
                " WHERE position = ?", (specimen.size + 1, at),
            )  # fmt: skip
        elif table == "tile":
            count = db.execute(
                "INSERT OR IGNORE INTO tile SELECT key + ?, root, hashes FROM tile LIMIT 1", (at,)
            ).rowcount
            if not count:
                return ""
        elif table == "checkpoint":
            taken = {size for (size,) in db.execute("SELECT size FROM checkpoint")}
            free = [size for size in range(1, specimen.size + 9) if size not in taken]
            db.execute(
                "INSERT INTO checkpoint SELECT ?, note FROM checkpoint ORDER BY size LIMIT 1",
                (chance.choice(free),),
            )
        else:
            db.execute("INSERT INTO member VALUES ('hold', ?, ?)", (100_000 + at, at))
    return f"row of {table} inserted"


def truncate(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> str:
    """Cut the end off cleanly, at a checkpoint, as if the rest had never been."""
    with closing(_connect(folder)) as db:
        sizes = [size for (size,) in db.execute("SELECT size FROM checkpoint ORDER BY size")]
        size = chance.choice(sizes[:-1])
        for table, key in (
            ("fact", "position"), ("member", "position"), ("request", "position"),
            ("checkpoint", "size"),
        ):  # fmt: skip
            db.execute(f"DELETE FROM {table} WHERE {key} > ?", (size,))
        db.execute("DELETE FROM tile WHERE key >= ? AND key < (1 << 48)", (size >> 8,))
        links = [(f"key/{n}",) for n in range(size + 1, specimen.size + 1)]
        db.executemany("DELETE FROM meta WHERE name = ?", links)
    return "truncated"


def roll_back(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> str:
    """Put the older state of data, or of data and keys, in the place of the newer."""
    assert specimen.older is not None
    names = ["data/journal.db"] if chance.random() < 0.5 else list(specimen.files)
    for name in names:
        (folder.root / name).write_bytes(specimen.older.files[name])
    return f"rolled back: {'data' if len(names) == 1 else 'data and keys'}"


def fork(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> str:
    """Write another history from the older state on, with the real keys."""
    assert specimen.older is not None
    specimen.older.lay_out(folder.root)
    journal = open_journal(folder.data, folder.keys, origin=ORIGIN, clock=folder.clock)
    count = specimen.size - specimen.older.size + chance.randint(-2, 3)
    journal.append([draft(chance.randrange(10**9)) for _ in range(max(count, 1))])
    journal.close()
    return "forked"


TAMPERS: dict[Tamper, int] = {
    flip_byte: 40, drop_row: 15, swap_rows: 15, insert_row: 15, truncate: 7, roll_back: 4, fork: 4,
}  # fmt: skip
"""With how often each is chosen."""


def verified(specimen: Specimen, folder: JournalFolder) -> VerifyReport:
    """As the auditor does it: with the first key, the keys folder, and the checkpoint kept."""
    return verify_journal(folder.data, folder.keys, witness=specimen.witness, vkey=specimen.vkey)


def grown(specimen: Specimen, folder: JournalFolder, chance: random.Random) -> None:
    """Go on with the journal as its owner may."""
    journal = folder.open()
    for _ in range(chance.randint(0, 3)):
        act = chance.random()
        if act < 0.7:
            count = chance.randint(1, 12)
            journal.append(
                [
                    draft(chance.randrange(10**9), stream=chance.choice([None, "hold", "case/1"]))
                    for _ in range(count)
                ]
            )
        elif act < 0.9:
            position = chance.randint(1, journal.head().size)
            fact_id = journal.read(position - 1, 1)[0].fact_id
            if position not in journal.members("keys"):
                journal.erase(fact_id, chance.choice(["raw", "distilled"]))
        else:
            journal.rotate_key(actor="person:a1")
    journal.close()
