"""Proofs and notes against other implementations: Go's sumdb, and the RFC read word for word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from campaign import record
from rfc6962 import Oracle
from rounds import rounds

from lineage.evidence import verify_bundle, verify_log
from lineage.journal.checkpoint import Signer, Verifier, sign_note, verify_note
from lineage.journal.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_root,
    verify_consistency,
    verify_inclusion,
)

GO = json.loads((Path(__file__).parents[2] / "golden" / "tlog" / "go.json").read_bytes())
"""Made with golang.org/x/mod/sumdb (tlog, note), which the C2SP documents describe."""

LEAVES = [b"leaf %d" % number for number in range(1024)]


class Rows:
    """Complete subtrees, level by level."""

    def __init__(self) -> None:
        self.rows = [[leaf_hash(leaf) for leaf in LEAVES]]
        while len(self.rows[-1]) > 1:
            row = self.rows[-1]
            self.rows.append([node_hash(*row[i : i + 2]) for i in range(0, len(row) - 1, 2)])

    def node(self, level: int, index: int) -> bytes:
        return self.rows[level][index]


NODE = Rows().node
ORACLE = Oracle(LEAVES)


@pytest.mark.parametrize("tree", GO["trees"], ids=lambda tree: str(tree["size"]))
def test_roots_and_proofs_are_those_of_the_go_implementation(tree: dict) -> None:  # type: ignore[type-arg]
    size, root = tree["size"], bytes.fromhex(tree["root"])
    assert range_root(0, size, NODE) == root == ORACLE.root(size)
    for index, hashes in tree["inclusion"].items():
        proof = inclusion_proof(int(index), size, NODE)
        assert [hash_.hex() for hash_ in proof] == hashes
    for first, hashes in tree["consistency"].items():
        proof = consistency_proof(int(first), size, NODE)
        assert [hash_.hex() for hash_ in proof] == hashes


def test_notes_are_those_of_the_go_implementation() -> None:
    note = GO["note"]
    signers = []
    for private, vkey in (("private", "vkey"), ("private_2", "vkey_2")):
        name, _, key = note[private].removeprefix("PRIVATE+KEY+").split("+", 2)
        signer = Signer(name, verify_bundle.unbase64(key)[1:])
        assert str(signer.verifier) == note[vkey]
        assert Verifier.parse(note[vkey]) == signer.verifier
        signers.append(signer)
    assert sign_note(signers[0], note["text"]) == note["signed"]
    assert sign_note(signers[0], note["text"], signers[1]) == note["signed_twice"]
    for signer in signers:
        assert verify_note(note["signed_twice"], signer.verifier) == note["text"]
        vkey = str(signer.verifier)
        assert verify_bundle.note_body(note["signed_twice"], vkey, most=2) == note["text"]


@pytest.mark.campaign
def test_every_leaf_of_every_tree_is_proven_as_the_rfc_says() -> None:
    largest = rounds(usual=160, campaign=1024)
    tried = failed = 0
    try:
        for size in range(1, largest + 1):
            root = ORACLE.root(size)
            for index in range(size):
                tried += 1
                failed += not _included(index, size, root)
    finally:
        record("RFC 6962 inclusion proofs", tried=tried, failed=failed, unit="proofs")
    assert not failed


@pytest.mark.campaign
def test_every_tree_extends_every_smaller_one_as_the_rfc_says() -> None:
    largest = rounds(usual=120, campaign=1024)
    tried = failed = 0
    try:
        for second in range(1, largest + 1):
            for first in range(1, second + 1):
                tried += 1
                failed += not _extends(first, second)
    finally:
        record("RFC 6962 consistency proofs", tried=tried, failed=failed, unit="proofs")
    assert not failed


def _included(index: int, size: int, root: bytes) -> bool:
    proof = inclusion_proof(index, size, NODE)
    return (
        list(proof) == ORACLE.path(index, size)
        and verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, root)
        and verify_bundle.root_of_proof(LEAVES[index], index, size, list(proof)) == root
    )


def _extends(first: int, second: int) -> bool:
    proof = consistency_proof(first, second, NODE)
    old, new = ORACLE.root(first), ORACLE.root(second)
    return (
        list(proof) == ORACLE.proof(first, second)
        and verify_consistency(first, second, proof, old, new)
        and verify_log.consistent((first, old), (second, new), list(proof))
        and verify_consistency(first, second, proof, new, old) is (first == second)
    )
