"""What a proof costs in a journal of a million facts: hashes, time to build, time to verify."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from rig import Options, Row, Scenario, folder, quantile

from lineage.clock import system_clock
from lineage.evidence import verify_bundle, verify_log
from lineage.journal.checkpoint import checkpoint_body, parse_checkpoint, sign_note, verify_note
from lineage.journal.envelope import FORMAT, Envelope, encode
from lineage.journal.files import connect_writer
from lineage.journal.keys import PARTS, ensure_keys
from lineage.journal.merkle import leaf_hash, verify_consistency, verify_inclusion
from lineage.journal.port import Head
from lineage.journal.sqlite import SqliteJournal, open_journal
from lineage.journal.tiles import GrowingTree, tile_key

__all__ = ["SCENARIOS", "make_large_journal"]

_ORIGIN = "bench"
_QUESTIONS = 300


def make_large_journal(home: Path, size: int) -> SqliteJournal:
    """A journal of so many facts with real envelopes and no contents, opened for reading."""
    data, keys = home / "data", home / "keys"
    data.mkdir()
    workspace = ensure_keys(keys, origin=_ORIGIN)
    open_journal(data, keys, origin=_ORIGIN, clock=system_clock).close()
    tree = GrowingTree()
    with closing(connect_writer(data / "journal.db", parts=False)) as journal:
        journal.execute("BEGIN")
        for position in range(1, size + 1):
            envelope = _envelope(position)
            row = (position, position.to_bytes(16, "big"), envelope, b"")
            journal.execute("INSERT INTO fact VALUES (?, ?, ?, ?, NULL)", row)
            for tile in tree.append(leaf_hash(envelope)):
                row_ = (tile_key(tile.level, tile.index), tile.root, tile.hashes)
                journal.execute("INSERT INTO tile VALUES (?, ?, ?)", row_)
            if position in (size, size // 2):
                body = checkpoint_body(_ORIGIN, Head(tree.size, tree.root()))
                note = sign_note(workspace.signer, body)
                journal.execute("INSERT INTO checkpoint VALUES (?, ?)", (position, note))
        journal.execute("COMMIT")
    with closing(connect_writer(keys / PARTS, parts=True)) as parts:
        parts.execute("INSERT INTO key VALUES (?, zeroblob(32), NULL)", (size,))
    return open_journal(data, keys, origin=_ORIGIN, clock=system_clock, read_only=True)


def _envelope(position: int) -> bytes:
    name = f"{position:032x}"
    return encode(
        Envelope(
            actor="bench", distilled=name * 2, format=FORMAT, id=name, previous=None, raw=None,
            kind="openlineage.received/1", received=position, sequence=None, stream=None,
            tenant="bench", valid=position,
        )
    )  # fmt: skip


def _proofs(options: Options) -> list[Row]:
    size = options.sized(1_000_000, 3_000)
    with folder() as home, closing(make_large_journal(home, size)) as journal:
        return list(_measured(journal, size))


def _measured(journal: SqliteJournal, size: int) -> Iterator[Row]:
    chance = random.Random(1)
    head = journal.head()
    vkey = journal.verifier_key
    built: list[float] = []
    verified: list[float] = []
    offline: list[float] = []
    hashes: list[float] = []
    for _ in range(_QUESTIONS):
        position = chance.randint(1, size)
        leaf = journal.at(position).envelope
        began = time.perf_counter()
        proof = journal.prove(position)
        built.append((time.perf_counter() - began) * 1e3)
        began = time.thread_time()
        root = parse_checkpoint(verify_note(proof.checkpoint, vkey)).root
        assert verify_inclusion(leaf_hash(leaf), proof.index, proof.size, proof.hashes, root)
        verified.append((time.thread_time() - began) * 1e3)
        began = time.thread_time()
        found = verify_bundle.root_of_proof(leaf, proof.index, proof.size, list(proof.hashes))
        offline.append((time.thread_time() - began) * 1e3)
        assert found == head.root
        hashes.append(len(proof.hashes))
    yield Row("hashes in a proof, most", [max(hashes)], "hashes", "≤ 20")
    yield Row("build a proof, p50", [quantile(built, 0.5)], "ms")
    yield Row("build a proof, p99", [quantile(built, 0.99)], "ms", "≤ 50")
    yield Row("verify proof and checkpoint, p50", [quantile(verified, 0.5)], "CPU ms")
    yield Row("verify proof and checkpoint, p99", [quantile(verified, 0.99)], "CPU ms", "≤ 5")
    yield Row("verify by verify.py, p99", [quantile(offline, 0.99)], "CPU ms", "≤ 5")
    yield _consistency(journal, head)
    began = time.thread_time()
    keys = [vkey]
    tree = verify_log.checkpoint_tree(journal.checkpoint(), keys)
    assert tree == (size, head.root)
    yield Row("verify a checkpoint by verify.py", [(time.thread_time() - began) * 1e3], "CPU ms")


def _consistency(journal: SqliteJournal, head: Head) -> Row:
    took = []
    with journal.public() as log:
        kept = log._connection.execute("SELECT note FROM checkpoint ORDER BY size").fetchone()[0]
        old = log.head_of(kept)
        for _ in range(20):
            began = time.perf_counter()
            extension = log.extension(kept)
            took.append((time.perf_counter() - began) * 1e3)
    assert verify_consistency(old.size, head.size, extension.hashes, old.root, head.root)
    return Row("build a consistency proof, p50", [quantile(took, 0.5)], "ms")


SCENARIOS = (Scenario("proofs", "Proofs in a journal of 1,000,000 facts", _proofs),)
