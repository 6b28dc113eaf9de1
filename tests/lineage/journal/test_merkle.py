"""The tree against the published vectors and against a naive reading of RFC 6962 §2.1."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rfc6962 import Oracle

from lineage.journal.files import connect_writer
from lineage.journal.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    perfect_root,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from lineage.journal.tiles import GrowingTree, StoredTree, tile_key

# The reference tree of github.com/google/certificate-transparency (merkletree tests).
REFERENCE_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves_of(size: int) -> list[bytes]:
    return [b"leaf %d" % i for i in range(size)]


class MemoryTree:
    """Complete subtrees of a list of leaves, remembered."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.rows = [[leaf_hash(leaf) for leaf in leaves]]
        while len(self.rows[-1]) > 1:
            row = self.rows[-1]
            pairs = range(0, len(row) - 1, 2)
            self.rows.append([perfect_root([row[i], row[i + 1]]) for i in pairs])

    def node(self, level: int, index: int) -> bytes:
        return self.rows[level][index]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_reference_trees_have_the_published_roots(size: int) -> None:
    tree = GrowingTree()
    for leaf in REFERENCE_LEAVES[:size]:
        tree.append(leaf_hash(leaf))
    assert tree.root().hex() == REFERENCE_ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing_as_its_root() -> None:
    assert GrowingTree().root() == EMPTY_ROOT == hashlib.sha256().digest()


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
@settings(max_examples=80, deadline=None)
def test_inclusion_proofs_are_those_of_the_rfc(pair: tuple[int, int]) -> None:
    index, size = pair
    leaves = leaves_of(size)
    proof = inclusion_proof(index, size, MemoryTree(leaves).node)
    assert list(proof) == Oracle(leaves).path(index, size)
    assert verify_inclusion(leaf_hash(leaves[index]), index, size, proof, Oracle(leaves).root(size))


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
@settings(max_examples=80, deadline=None)
def test_consistency_proofs_are_those_of_the_rfc(pair: tuple[int, int]) -> None:
    first, second = pair
    leaves = leaves_of(second)
    proof = consistency_proof(first, second, MemoryTree(leaves).node)
    assert list(proof) == Oracle(leaves).proof(first, second)
    roots = Oracle(leaves).root(first), Oracle(leaves).root(second)
    assert verify_consistency(first, second, proof, *roots)


def test_every_pair_of_small_sizes_proves_and_no_other_claim_does() -> None:
    leaves = leaves_of(40)
    node = MemoryTree(leaves).node
    roots = [Oracle(leaves).root(size) for size in range(41)]
    for size in range(1, 41):
        for index in range(size):
            proof = inclusion_proof(index, size, node)
            leaf = leaf_hash(leaves[index])
            assert verify_inclusion(leaf, index, size, proof, roots[size])
            assert not verify_inclusion(leaf, (index + 1) % 41, size, proof, roots[size])
            assert not verify_inclusion(leaf, index, size, proof, roots[size - 1])
            assert not verify_inclusion(leaf, index, size, (*proof, leaf), roots[size])
            assert not proof or not verify_inclusion(leaf, index, size, proof[:-1], roots[size])
        for first in range(size + 1):
            proof = consistency_proof(first, size, node)
            assert verify_consistency(first, size, proof, roots[first], roots[size])
            assert not verify_consistency(first, size, (*proof, leaf), roots[first], roots[size])
            if first != size:
                assert not verify_consistency(first, size, proof, roots[size], roots[size])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_proof_with_one_flipped_bit_proves_nothing(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 200))
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    proof = list(inclusion_proof(index, size, MemoryTree(leaves).node))
    which = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = bytearray(proof[which])
    changed[bit // 8] ^= 1 << bit % 8
    proof[which] = bytes(changed)
    assert not verify_inclusion(
        leaf_hash(leaves[index]), index, size, proof, Oracle(leaves).root(size)
    )


def test_impossible_questions_are_refused() -> None:
    node = MemoryTree(leaves_of(3)).node
    for ask in (
        lambda: inclusion_proof(3, 3, node),
        lambda: inclusion_proof(-1, 3, node),
        lambda: consistency_proof(4, 3, node),
    ):
        with pytest.raises(ValueError, match="tree"):
            ask()
    assert not verify_inclusion(b"", 0, 0, (), b"")
    assert not verify_consistency(2, 1, (), b"", b"")


@pytest.fixture(scope="module")
def big_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """70,000 leaves: tiles on three levels, stored as the ledger stores them."""
    connection = connect_writer(tmp_path_factory.mktemp("tree") / "journal.db", parts=False)
    tree = GrowingTree()
    connection.execute("BEGIN")
    for position in range(1, 70_001):
        leaf = b"%d" % position
        row = (position, leaf, leaf, b"", None)
        connection.execute("INSERT INTO fact VALUES (?, ?, ?, ?, ?)", row)
        for tile in tree.append(leaf_hash(leaf)):
            key = tile_key(tile.level, tile.index)
            connection.execute("INSERT INTO tile VALUES (?, ?, ?)", (key, tile.root, tile.hashes))
    connection.execute("COMMIT")
    yield connection
    connection.close()


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 69_999, 70_000])
def test_stored_tiles_give_the_roots_and_proofs_of_any_size(
    big_tree: sqlite3.Connection, size: int
) -> None:
    stored = StoredTree(big_tree, size)
    root = range_root(0, size, stored.node)
    restored = GrowingTree(stored.tails())
    assert (restored.size, restored.root()) == (size, root)
    for index in {0, size // 3, size // 2, size - 1}:
        proof = inclusion_proof(index, size, stored.node)
        assert len(proof) <= 17
        assert verify_inclusion(leaf_hash(b"%d" % (index + 1)), index, size, proof, root)


def test_a_tree_goes_on_after_a_restart_as_if_there_was_none(big_tree: sqlite3.Connection) -> None:
    for size in (0, 1, 255, 256, 300, 65_536):
        tree = GrowingTree(StoredTree(big_tree, size).tails())
        for position in range(size + 1, size + 400):
            tree.append(leaf_hash(b"%d" % position))
        later = StoredTree(big_tree, size + 399)
        assert tree.root() == range_root(0, size + 399, later.node)


def test_a_hole_in_the_tiles_is_noticed(big_tree: sqlite3.Connection) -> None:
    stored = StoredTree(big_tree, 80_000)
    with pytest.raises(LookupError):
        stored.node(0, 75_000)
