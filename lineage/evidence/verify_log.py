"""Verify proofs about a whole Tracehold journal. Standard library only; lies beside verify.py.

    python verify_log.py consistency PROOF --since CHECKPOINT --vkey NAME+ID+KEY [--keys KEYS]
    python verify_log.py stream FILE --vkey NAME+ID+KEY [--keys KEYS]
    python verify_log.py log FOLDER --vkey NAME+ID+KEY [--since CHECKPOINT] [--stream FILE ...]

``consistency``: the journal only grew since the CHECKPOINT that you kept (RFC 9162 section 2.1.4;
PROOF is the body of a c2sp.org/tlog-witness request). ``stream``: the facts in FILE are in the
journal, each follows the one before, and their number is the one that the journal's key signed.
``log``: FOLDER (c2sp.org/tlog-tiles) is computed anew from its envelopes: every tile, the root, and
every stream to its last fact, so that a stream FILE or an older CHECKPOINT that says otherwise is
found. Exit codes: 0 all holds, 1 something does not hold, 2 it cannot be read.

KEYS is the stream file of the stream "keys". With it a former key will do: each key signed the next
one. What no file can tell: whether you hold the same files as everybody else. Compare checkpoints.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import importlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.evidence import verify_bundle as notes
else:  # in a bundle it lies beside this file, and Tracehold is not installed
    notes = importlib.import_module(f"{__package__}.verify_bundle" if __package__ else "verify")

HEAD_TITLE = "tracehold.dev/stream-head@v1"
EMPTY = hashlib.sha256(b"").digest()
WIDTH = 256
Tree = tuple[int, bytes]  # size and root


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(hashes: list[bytes]) -> bytes:
    """Root over leaf hashes: pair what has a neighbor, lift what has none."""
    while len(hashes) > 1:
        pairs = [node_hash(*hashes[i : i + 2]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(pairs) * 2 :]
    return hashes[0] if hashes else EMPTY


def checkpoint_tree(note: str, keys: list[str]) -> Tree:
    """Size and root of a checkpoint that one of these keys signed."""
    origin, size, root, end = notes.note_body(note, *keys, most=2).split("\n")
    if end or origin != notes.parse_vkey(keys[0])[0] or str(int(size)) != size:
        raise ValueError("not a checkpoint of this journal")
    return int(size), notes.unbase64(root)


def consistent(old: Tree, new: Tree, proof: list[bytes]) -> bool:
    """True where the new tree extends the old one (RFC 9162 section 2.1.4.2)."""
    (first, first_root), (second, second_root) = old, new
    if first in (0, second):
        return not proof and first_root == (second_root if first == second else EMPTY)
    if not 0 < first < second:
        return False
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    left = right = path.pop(0) if path else b""
    for hash_ in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            left, right = node_hash(hash_, left), node_hash(hash_, right)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            right = node_hash(right, hash_)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and left == first_root and right == second_root


def verify_consistency(text: str, kept: str, keys: list[str]) -> Tree:
    """Verify that the journal only grew since ``kept``; gives the new tree."""
    head, _, checkpoint = text.partition("\n\n")
    title, *lines = head.split("\n")
    old, new = checkpoint_tree(kept, keys), checkpoint_tree(checkpoint, keys)
    notes.check(title == f"old {old[0]}", "the proof", "it is about another checkpoint")
    holds = consistent(old, new, [notes.unbase64(line) for line in lines])
    notes.check(holds, "the journal", "it does not extend the checkpoint that you kept")
    return new


def follow(envelope: bytes, before: tuple[int, str | None]) -> tuple[int, str]:
    """Number and leaf hash of a fact that follows in its stream."""
    said, (count, last) = json.loads(envelope), before
    follows = said["sequence"] == count + 1 and said["previous"] == last
    notes.check(follows, f"stream {said['stream']}", f"a fact does not follow number {count}")
    return count + 1, leaf_hash(envelope).hex()


def head_text(origin: str, name: str, end: tuple[int, str | None], tree: Tree) -> str:
    """The text that the journal signs about a stream."""
    encode = base64.b64encode
    last = bytes.fromhex(end[1]) if end[1] else EMPTY
    lines = [HEAD_TITLE, origin, name, str(end[0]), encode(last).decode(), str(tree[0])]
    return "\n".join([*lines, encode(tree[1]).decode(), ""])


def verify_stream(stream: dict[str, Any], keys: list[str]) -> tuple[str, int, Tree]:
    """Verify a stream file; gives the stream, how many facts it has, and the tree they are in."""
    name, tree = stream["stream"], checkpoint_tree(stream["checkpoint"], keys)
    end: tuple[int, str | None] = (0, None)
    position = 0
    for member in stream["members"]:
        envelope = member["envelope"].encode()
        where = f"stream {name}, number {end[0] + 1}"
        notes.check(json.loads(envelope)["stream"] == name, where, "it is of another stream")
        notes.check(member["position"] > position, where, "its position does not follow")
        end, position = follow(envelope, end), member["position"]
        hashes = [notes.unbase64(hash_) for hash_ in member["proof"]]
        root = notes.root_of_proof(envelope, position - 1, tree[0], hashes)
        notes.check(root == tree[1], where, "it is not in the journal")
        leaf = notes.unbase64(member["leaf"]).hex()
        notes.check(leaf == end[1], where, "its leaf hash is not that of its envelope")
    text = notes.note_body(stream["head"], *keys)
    expected = head_text(notes.parse_vkey(keys[0])[0], name, end, tree)
    notes.check(text == expected, f"stream {name}", "its members are not those that were signed")
    return name, end[0], tree


def key_chain(vkey: str, chain: dict[str, Any] | None) -> list[str]:
    """Every key that the one you trust belongs to a chain with, the newest first."""
    if chain is None or not chain["members"]:
        return [vkey]
    for member in chain["members"]:
        envelope = json.loads(member["envelope"])
        salt, body = (notes.unbase64(member[part]) for part in ("distilled_salt", "distilled"))
        same = hmac.digest(salt, body, "sha256").hex() == envelope["distilled"]
        notes.check(same, "the keys", "a change of key is not the one that was recorded")
    newest = json.loads(notes.unbase64(chain["members"][-1]["distilled"]))["next"]
    keys = notes.former_keys(chain["members"], newest)
    notes.check(vkey in keys, "the keys", "the key that you passed does not lead to the newest")
    name, count, _ = verify_stream(chain, keys)
    notes.check(name == "keys" and count == len(chain["members"]), "the keys", "another stream")
    return keys


def tile_path(folder: Path, level: str, index: int, width: int) -> Path:
    """Where a tile lies (c2sp.org/tlog-tiles)."""
    name = f"{index % 1000:03d}"
    while index := index // 1000:
        name = f"x{index % 1000:03d}/{name}"
    return folder / "tile" / level / (name if width == WIDTH else f"{name}.p/{width}")


def read_entries(folder: Path, size: int) -> Iterator[bytes]:
    """Every envelope, in order."""
    for start in range(0, size, WIDTH):
        width = min(WIDTH, size - start)
        data = tile_path(folder, "entries", start // WIDTH, width).read_bytes()
        for _ in range(width):
            end = 2 + int.from_bytes(data[:2], "big")
            notes.check(len(data) >= end, "tile/entries", "an envelope is cut off")
            yield data[2:end]
            data = data[end:]
        notes.check(not data, "tile/entries", "there are more envelopes than the checkpoint has")


def verify_log(folder: Path, keys: list[str], kept: list[Tree]) -> tuple[Tree, dict[str, Any]]:
    """Compute a log anew; gives its tree, and number and last leaf hash of every stream."""
    tree = checkpoint_tree((folder / "checkpoint").read_text("utf-8"), keys)
    streams: dict[str, tuple[int, str | None]] = {}
    level: list[bytes] = []
    for envelope in read_entries(folder, tree[0]):
        level.append(leaf_hash(envelope))
        name = json.loads(envelope)["stream"]
        if name is not None:
            streams[name] = follow(envelope, streams.get(name, (0, None)))
    for size, root in kept:
        holds = size <= tree[0] and tree_root(level[:size]) == root
        notes.check(holds, "the journal", "it does not extend a checkpoint that you passed")
    notes.check(tree_root(level) == tree[1], "checkpoint", "its root is not that of the envelopes")
    height = 0
    while level:
        rows = [level[start : start + WIDTH] for start in range(0, len(level), WIDTH)]
        for index, row in enumerate(rows):
            path = tile_path(folder, str(height), index, len(row))
            notes.check(path.read_bytes() == b"".join(row), str(path), "it is of other envelopes")
        level = [tree_root(row) for row in rows if len(row) == WIDTH]
        height += 1
    return tree, streams


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description="Verify proofs about a Tracehold journal.")
    parser.add_argument("what", choices=["consistency", "stream", "log"])
    parser.add_argument("path", type=Path, help="the proof, the stream file, or the folder")
    parser.add_argument("--vkey", required=True, help="the verifier key that you were given")
    parser.add_argument("--keys", type=Path, help='the stream file of the stream "keys"')
    parser.add_argument("--since", type=Path, help="a checkpoint that you kept")
    parser.add_argument("--stream", type=Path, action="append", default=[])
    given = parser.parse_args(arguments)
    if given.what == "consistency" and given.since is None:
        parser.error("consistency needs --since")
    try:
        beside = given.path / "keys.json"
        if given.what == "log" and given.keys is None and beside.exists():
            given.keys = beside
        keys = key_chain(given.vkey.strip(), given.keys and json.loads(given.keys.read_bytes()))
        kept = given.since and given.since.read_text("utf-8")
        if given.what == "consistency":
            size = verify_consistency(given.path.read_text("utf-8"), kept, keys)[0]
            line = f"the journal of {size} facts extends the checkpoint that you kept"
        elif given.what == "stream":
            name, count, (size, _) = verify_stream(json.loads(given.path.read_bytes()), keys)
            line = f"{count} facts are in the stream {name} of the journal of {size} facts"
        else:
            line = _log(given.path, keys, kept, given.stream)
    except notes.ChangedError as error:
        sys.stdout.write(f"DOES NOT HOLD  {error}\n")
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        sys.stdout.write(f"DOES NOT HOLD  {given.path}: {error}\n")
        return 1
    except OSError as error:
        sys.stdout.write(f"CANNOT BE READ  {error}\n")
        return 2
    sys.stdout.write(f"ok  {line}\nVERIFIED\n")
    return 0


def _log(folder: Path, keys: list[str], since: str | None, files: list[Path]) -> str:
    claimed = [json.loads(path.read_bytes()) for path in files]
    trees = [verify_stream(stream, keys)[2] for stream in claimed]
    kept = [checkpoint_tree(since, keys)] if since else []
    tree, streams = verify_log(folder, keys, kept + trees)
    for stream, path in zip(claimed, files, strict=True):
        size = checkpoint_tree(stream["checkpoint"], keys)[0]
        covered = itertools.islice(read_entries(folder, tree[0]), size)
        count = sum(json.loads(one)["stream"] == stream["stream"] for one in covered)
        notes.check(count == len(stream["members"]), str(path), f"the stream has {count} facts")
    return f"{tree[0]} envelopes, {len(streams)} streams; {len(kept + trees)} other trees agree"


if __name__ == "__main__":
    sys.exit(main())
