"""Verify a Tracehold evidence bundle. One file, standard library only, made to be read.

    python verify.py [BUNDLE] [--vkey NAME+ID+KEY] [--checkpoint FILE]

BUNDLE is the folder or the .zip; by default the folder that this file lies in. Exit codes: 0 all
holds, 1 something was changed or does not hold, 2 it cannot be read.

What is checked, in this order:
 1. every file has the SHA-256 of manifest.json, none is missing and none was added;
 2. manifest.note signs manifest.json, and checkpoint is signed, both by verifier.key (Ed25519,
    RFC 8032, in the form of c2sp.org/signed-note);
 3. every fact is in the journal's Merkle tree under that checkpoint (RFC 6962);
 4. every content shown is the one that the fact was recorded with (HMAC-SHA-256 under its salt);
 5. every certificate is a note signed by the same key.

What this cannot tell: a bundle carries its own key and its own copy of this file. Someone who
replaces all of them together makes another bundle that agrees with itself. So use your own copy of
this file, pass the verifier key that you were given earlier (--vkey), and, best, a checkpoint that
you kept (--checkpoint).
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


class ChangedError(Exception):
    """Something in the bundle does not hold."""


class UnreadableError(Exception):
    """There is no bundle here, or it cannot be read as one."""


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


def note_body(note: str, vkey: str) -> str:
    """The text of a signed note; exactly one signature, by this key, is taken."""
    name, key_id, public = parse_vkey(vkey)
    body, _, line = note.rpartition("\n\n")
    signature = unbase64(line.removeprefix(f"— {name} ").removesuffix("\n"))
    body += "\n"
    exact = f"{body}\n— {name} {base64.b64encode(signature).decode()}\n" == note
    if not exact or signature[:4] != key_id:
        raise ValueError("not signed by the key of the bundle")
    if not ed25519_holds(public, body.encode(), signature[4:]):
        raise ValueError("the signature does not match the text")
    return body


def parse_proof(text: str) -> tuple[int, list[bytes], str]:
    """Index, hashes and checkpoint of a .tlog-proof."""
    head, _, checkpoint = text.partition("\n\n")
    title, index, *hashes = head.split("\n")
    number = int(index.removeprefix("index "))
    if title != PROOF_TITLE or index != f"index {number}":
        raise ValueError("not a tlog-proof")
    return number, [unbase64(line) for line in hashes], checkpoint


def root_of_proof(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2)."""
    position, last, result = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    if not 0 <= index < size:
        raise ValueError("the fact is not under the checkpoint")
    for sibling in hashes:
        if last == 0:
            raise ValueError("the proof is too long")
        if position & 1 or position == last:
            result = hashlib.sha256(b"\x01" + sibling + result).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = hashlib.sha256(b"\x01" + result + sibling).digest()
        position, last = position >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return result


def check(holds: bool, name: str, what: str) -> None:
    """Stop where something does not hold."""
    if not holds:
        raise ChangedError(f"{name}: {what}")


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
            entries = sorted(path.rglob("*"))
            for entry in entries:
                check(not entry.is_symlink(), entry.name, "a link does not belong into a bundle")
            found = [entry for entry in entries if not entry.is_dir()]
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
    if missing := [
        name for name in (MANIFEST, MANIFEST_NOTE, CHECKPOINT, KEY) if name not in files
    ]:
        raise UnreadableError(f"{path}: this is no evidence bundle, {missing[0]} is missing")
    name = MANIFEST
    try:
        own_key = files[KEY].decode().removesuffix("\n")
        digest = hashlib.sha256(files[MANIFEST]).hexdigest()
        manifest = json.loads(files[MANIFEST])
        listed = manifest["files"]
        actual = set(files) - {MANIFEST, MANIFEST_NOTE}
        for name in sorted(actual | set(listed)):
            check(name in files, name, "the file is missing")
            check(name in listed, name, "the file was added")
            same = hashlib.sha256(files[name]).hexdigest() == listed[name]
            check(same, name, "the file was changed")
        name = MANIFEST_NOTE
        body = note_body(files[MANIFEST_NOTE].decode(), own_key)
        check(body == f"{MANIFEST_TITLE}\n{digest}\n", MANIFEST, "it is not the signed one")
        name = CHECKPOINT
        origin, size_text, root_text, end = note_body(files[name].decode(), own_key).split("\n")
        size, root = int(size_text), unbase64(root_text)
        check(end == "" and origin == parse_vkey(own_key)[0], name, "it is of another journal")
        lines = [f"{len(files)} files are as the signed manifest lists them"]
        lines.append(f"the checkpoint of {origin} covers {size} facts")
        if vkey is not None:
            check(vkey.strip() == own_key, KEY, "it is not the key that you passed")
            lines.append("the key is the one that you passed")
        if checkpoint is not None:
            kept = note_body(checkpoint, own_key)
            check(kept == f"{origin}\n{size}\n{root_text}\n", name, "it is not the one you kept")
            lines.append("the checkpoint is the one that you kept")
        facts, proofs, certificates = (
            [name for name in files if name.startswith(folder)]
            for folder in ("facts/", "proofs/", "documents/certificates/")
        )
        check(len(facts) == len(proofs), "proofs/", "facts and proofs do not pair")
        shown = sum(verify_fact(name := fact, files, size, root) for fact in facts)
        lines.append(f"{len(facts)} facts are in the journal, {shown} of them with their content")
        for name in certificates:
            note_body(files[name].decode(), own_key)
        lines.append(f"{len(certificates)} certificates are signed by the same key")
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
    expected = json.loads(leaf)["distilled"]
    same = hmac.compare_digest(hmac.digest(salt, content, "sha256").hex(), expected)
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
        kept = given.checkpoint and given.checkpoint.read_text("utf-8")
        lines = verify(given.bundle, given.vkey, kept)
    except ChangedError as error:
        sys.stdout.write(f"DOES NOT HOLD  {error}\n")
        return 1
    except (UnreadableError, OSError, UnicodeDecodeError) as error:
        sys.stdout.write(f"CANNOT BE READ  {error}\n")
        return 2
    own = "" if given.vkey else " by the key of the bundle: compare verifier.key with one you trust"
    sys.stdout.write("".join(f"ok  {line}\n" for line in lines) + f"VERIFIED{own}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
