"""Verify a Tracehold evidence bundle. One file, standard library only, made to be read.

    python verify.py [BUNDLE] [--vkey NAME+ID+KEY] [--checkpoint FILE]

BUNDLE is the folder or the .zip; by default the folder that this file lies in. Exit codes: 0 all
holds, 1 something was changed or does not hold, 2 it cannot be read.

Checked: every file has the SHA-256 of manifest.json, none is missing, none was added; manifest and
checkpoint are signed by verifier.key (Ed25519, RFC 8032, c2sp.org/signed-note); every fact is in
the Merkle tree under the checkpoint (RFC 6962); every content shown is the one recorded (HMAC under
its salt); every certificate is signed by this key or one that signed it into the log as the next.

A bundle brings its own key and its own copy of this file: use your own copy, pass the key that you
were given earlier and best a checkpoint that you kept (if it is an older one: verify_log.py).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

MANIFEST, MANIFEST_NOTE = "manifest.json", "manifest.note"
CHECKPOINT, KEY = "checkpoint", "verifier.key"
MANIFEST_TITLE = "tracehold.dev/evidence-manifest@v1"
PROOF_TITLE = "c2sp.org/tlog-proof@v1"
ROTATION_TITLE = "tracehold.dev/key-rotation@v1"


class ChangedError(Exception):
    """Something in the bundle does not hold."""


class UnreadableError(Exception):
    """There is no bundle here, or it cannot be read as one."""


def check(holds: bool, name: str, what: str) -> None:
    """Stop where something does not hold."""
    if not holds:
        raise ChangedError(f"{name}: {what}")


# Ed25519 verification, RFC 8032 section 5.1
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]  # extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z


def add(a: Point, b: Point) -> Point:
    """Sum of two points (RFC 8032 section 5.1.4)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    k, m, n, o = f - e, h - g, h + g, f + e
    return (k * m % P, n * o % P, m * n % P, k * o % P)


def multiply(scalar: int, point: Point) -> Point:
    """``scalar`` times ``point``."""
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def decompress(data: bytes) -> Point | None:
    """The point of a 32-byte encoding; None where there is none (RFC 8032 section 5.1.3)."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def ed25519_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """True where ``signature`` is of ``message`` by ``public`` (RFC 8032 section 5.1.7)."""
    base = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    key, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or base is None or key is None or r is None or s >= Q:
        return False
    hashed = hashlib.sha512(signature[:32] + public + message).digest()
    left, right = multiply(s, base), add(r, multiply(int.from_bytes(hashed, "little") % Q, key))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


def unbase64(text: str) -> bytes:
    """Decode base64 that has exactly one spelling."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def parse_vkey(text: str) -> tuple[str, bytes, bytes]:
    """Name, key id and public key of a verifier key."""
    name, key_id, encoded = text.rstrip("\n").split("+", 2)
    key = unbase64(encoded)
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if len(key) != 33 or key[0] != 1 or expected.hex() != key_id:
        raise ValueError("not an Ed25519 verifier key")
    return name, expected, key[1:]


def note_body(note: str, *vkeys: str, most: int = 1) -> str:
    """The text of a note that one of these keys signed; it has at most so many signatures."""
    name = parse_vkey(vkeys[0])[0]
    body, _, tail = note.rpartition("\n\n")
    body += "\n"
    signed = [unbase64(line.removeprefix(f"— {name} ")) for line in tail.split("\n")[:-1]]
    lines = (f"— {name} {base64.b64encode(one).decode()}\n" for one in signed)
    keys = {key_id: public for _, key_id, public in map(parse_vkey, vkeys)}
    mine = [one for one in signed if one[:4] in keys]
    exact = "".join((f"{body}\n", *lines)) == note and len(mine) <= len(signed) <= most
    if not exact or not mine or not ed25519_holds(keys[mine[0][:4]], body.encode(), mine[0][4:]):
        raise ValueError("not signed by the key of the bundle, or changed since")
    return body


def former_keys(facts: list[dict[str, Any]], vkey: str) -> list[str]:
    """This key and those that led to it, the newest first: each signed the next into the log."""
    keys = [vkey]
    changes = [fact for fact in facts if json.loads(fact["envelope"])["stream"] == "keys"]
    for fact in sorted(changes, key=lambda fact: -fact["position"]):
        if json.loads(fact["envelope"])["kind"] != "key.rotated/1":
            break  # a lost key signed for nobody
        said = json.loads(unbase64(fact["distilled"]))
        names = f"{ROTATION_TITLE}\n{parse_vkey(vkey)[0]}\n{said['former']}\n{keys[-1]}\n"
        if note_body(said["endorsement"], said["former"]) != names:
            raise ValueError("the former key did not sign for this one")
        keys.append(said["former"])
    return keys


def parse_proof(text: str) -> tuple[int, list[bytes], str]:
    """Index, hashes and checkpoint of a .tlog-proof."""
    head, _, checkpoint = text.partition("\n\n")
    title, index, *hashes = head.split("\n")
    if title != PROOF_TITLE or index != f"index {(number := int(index.removeprefix('index ')))}":
        raise ValueError("not a tlog-proof")
    return number, [unbase64(line) for line in hashes], checkpoint


def root_of_proof(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2)."""
    position, last, result = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    if not 0 <= index < size:
        raise ValueError("the fact is not under the checkpoint")
    for sibling in hashes:
        right = position & 1 or position == last
        pair = sibling + result if right else result + sibling
        result = hashlib.sha256(b"\x01" + pair).digest()
        while right and not position & 1 and position:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    return b"" if last else result  # a proof that is too short leads nowhere


def pack(files: dict[str, bytes]) -> bytes:
    """The one .zip of these files: sorted, stored, without times; so that no byte of it is free."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, files[name])
    return out.getvalue()


def load(path: Path) -> dict[str, bytes]:
    """Every file of a bundle by its name; nothing is written to disk."""
    try:
        if path.is_dir():
            links = [entry.name for entry in path.rglob("*") if entry.is_symlink()]
            check(not links, "".join(links[:1]), "a link does not belong into a bundle")
            found = [entry for entry in path.rglob("*") if not entry.is_dir()]
            return {entry.relative_to(path).as_posix(): entry.read_bytes() for entry in found}
        raw = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            infos = archive.infolist()
            plain = not any(info.compress_type or info.file_size > len(raw) for info in infos)
            check(plain, path.name, "the archive is not as it was sealed")
            files = {info.filename: archive.read(info) for info in infos}
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise UnreadableError(f"{path}: {error}") from error
    check(pack(files) == raw, path.name, "the archive is not as it was sealed")
    return files


def verify(path: Path, vkey: str | None = None, checkpoint: str | None = None) -> list[str]:
    """Verify a bundle; gives what was found to hold, line by line.

    Raises:
        ChangedError: Something was changed or does not hold; the text names the file.
        UnreadableError: There is no bundle at ``path``.
    """
    files = load(path)
    if missing := {MANIFEST, MANIFEST_NOTE, CHECKPOINT, KEY} - set(files):
        raise UnreadableError(f"{path}: this is no evidence bundle, {min(missing)} is missing")
    name = MANIFEST
    try:
        own_key = files[KEY].decode().removesuffix("\n")
        digest = hashlib.sha256(files[MANIFEST]).hexdigest()
        listed = json.loads(files[MANIFEST])["files"]
        for name in sorted(set(files) - {MANIFEST, MANIFEST_NOTE} | set(listed)):
            check(name in files, name, "the file is missing")
            check(name in listed, name, "the file was added")
            same = hashlib.sha256(files[name]).hexdigest() == listed[name]
            check(same, name, "the file was changed")
        name = MANIFEST_NOTE
        body = note_body(files[MANIFEST_NOTE].decode(), own_key)
        check(body == f"{MANIFEST_TITLE}\n{digest}\n", MANIFEST, "it is not the signed one")
        name = CHECKPOINT
        origin, size_text, root_text, end = note_body(files[name].decode(), own_key, most=2).split(
            "\n"
        )
        size, root = int(size_text), unbase64(root_text)
        check(end == "" and origin == parse_vkey(own_key)[0], name, "it is of another journal")
        lines = [f"{len(files)} files are as the signed manifest lists them",
                 f"the checkpoint of {origin} covers {size} facts"]  # fmt: skip
        folders = ("facts/", "proofs/", "documents/certificates/")
        facts, proofs, certificates = ([n for n in files if n.startswith(f)] for f in folders)
        check(len(facts) == len(proofs), "proofs/", "facts and proofs do not pair")
        shown = sum(verify_fact(name := fact, files, size, root) for fact in facts)
        lines.append(f"{len(facts)} facts are in the journal, {shown} of them with their content")
        keys = former_keys([json.loads(files[name]) for name in facts], own_key)
        for name in certificates:
            note_body(files[name].decode(), *keys)
        lines.append(f"{len(certificates)} certificates are signed by the same key")
        if vkey is not None:
            check(vkey.strip() in keys, KEY, "the key that you passed does not lead to it")
            lines.append(f"the key that you passed leads to it by {keys.index(vkey.strip())} steps")
        if checkpoint is not None:
            kept = note_body(checkpoint, *keys, most=2)
            check(kept == f"{origin}\n{size}\n{root_text}\n", CHECKPOINT, "not the one you kept")
            lines.append("the checkpoint is the one that you kept")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ChangedError(f"{name}: {error}") from error
    return lines


def verify_fact(name: str, files: dict[str, bytes], size: int, root: bytes) -> bool:
    """Verify one fact and its proof; True where its content is shown, False where it was erased."""
    fact: dict[str, Any] = json.loads(files[name])
    position = int(name.removeprefix("facts/").removesuffix(".json"))
    check(fact["position"] == position, name, "the position is not that of its name")
    index, hashes, checkpoint = parse_proof(files[f"proofs/{position}.tlog-proof"].decode())
    check(index == position - 1, name, "the proof is of another fact")
    check(checkpoint.encode() == files[CHECKPOINT], name, "the proof has another checkpoint")
    leaf = fact["envelope"].encode()
    check(root_of_proof(leaf, index, size, hashes) == root, name, "it is not in the journal")
    if fact["distilled"] is None:
        return False
    salt, content = unbase64(fact["distilled_salt"]), unbase64(fact["distilled"])
    same = hmac.digest(salt, content, "sha256").hex() == json.loads(leaf)["distilled"]
    check(same, name, "the content is not the one that was recorded")
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description="Verify a Tracehold evidence bundle.")
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--vkey", help="the verifier key that you were given earlier")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint file that you kept")
    given = parser.parse_args(arguments)
    try:
        witness = given.checkpoint and given.checkpoint.read_text("utf-8")
        lines = verify(given.bundle, given.vkey, witness)
    except (ChangedError, UnreadableError, OSError, UnicodeDecodeError) as error:
        changed = isinstance(error, ChangedError)
        sys.stdout.write(f"{'DOES NOT HOLD' if changed else 'CANNOT BE READ'}  {error}\n")
        return 1 if changed else 2
    own = "" if given.vkey else " by the key of the bundle: compare verifier.key with one you trust"
    sys.stdout.write("".join(f"ok  {line}\n" for line in lines) + f"VERIFIED{own}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
