"""Proofs as text: inclusion as c2sp.org/tlog-proof@v1, consistency as c2sp.org/tlog-witness."""

from __future__ import annotations

import base64
import binascii

from lineage.errors import InvalidInput
from lineage.journal.port import Proof
from lineage.journal.public_log import Extension

__all__ = ["TITLE", "format_consistency", "format_proof", "parse_proof"]

TITLE = "c2sp.org/tlog-proof@v1"


def format_proof(proof: Proof) -> str:
    """The proof with its checkpoint, as one text that verifies offline."""
    hashes = [base64.b64encode(hash_).decode() for hash_ in proof.hashes]
    head = "\n".join([TITLE, f"index {proof.index}", *hashes])
    return f"{head}\n\n{proof.checkpoint}"


def format_consistency(extension: Extension) -> str:
    """The body of an add-checkpoint request to a witness: old size, hashes, new checkpoint."""
    hashes = [base64.b64encode(hash_).decode() for hash_ in extension.hashes]
    return "\n".join([f"old {extension.size}", *hashes, "", extension.checkpoint])


def parse_proof(text: str) -> Proof:
    """Read a proof; ``size`` is that of its checkpoint. Nothing is verified here.

    Raises:
        InvalidInput: The text is no such proof.
    """
    head, _, checkpoint = text.partition("\n\n")
    title, *lines = head.split("\n")
    # An optional line of unauthenticated extra data may come first; it means nothing to us.
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    try:
        index = int(lines[0].removeprefix("index "))
        size = int(checkpoint.split("\n")[1])
        hashes = tuple(base64.b64decode(line, validate=True) for line in lines[1:])
    except (IndexError, ValueError, binascii.Error):
        title = ""
    if title != TITLE or lines[0] != f"index {index}" or index < 0:
        raise InvalidInput("this is not a tlog-proof", advice=f"its first line is {TITLE}")
    return Proof(index, size, hashes, checkpoint)
