"""The keys of a workspace: its secret, its signing key, and the store of part keys beside them.

They live in a folder of their own (0700, files 0600) outside the data folder, because who holds a
copy of the data must not hold what opens it, and because the last signed checkpoint is kept here
as the second witness against a rolled-back data folder.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lineage.durable import sync
from lineage.errors import Conflict, InvalidInput, Unavailable
from lineage.journal.checkpoint import Signer, valid_key_name

__all__ = [
    "NEXT_KEY",
    "PARTS",
    "SECRET",
    "SIGNING_KEY",
    "WorkspaceKeys",
    "ensure_keys",
    "find_signer",
    "load_keys",
    "load_secret",
    "load_signer",
    "make_next_key",
    "secret_tag",
    "take_next_key",
]

SECRET = "workspace.secret"  # noqa: S105 - a file name
SIGNING_KEY = "signing.key"
NEXT_KEY = "signing.key.next"
"""The key that a change of keys has made and the journal has not yet, or only just, named."""

PARTS = "parts.db"

_PREFIX = "PRIVATE+KEY"
_ELSE = {SIGNING_KEY: "; is it lost for good: tracehold journal rekey --lost"}
_UNNAMED = "tracehold.local/key-"


@dataclass(frozen=True, slots=True)
class WorkspaceKeys:
    """What the keys folder holds.

    Attributes:
        folder: The folder itself; ``parts.db`` with the keys of the parts lies in it too.
        secret: The workspace secret, 32 bytes; HMAC key of identities and idempotency.
        signer: Signs checkpoints, certificates and evidence manifests.
    """

    folder: Path
    secret: bytes
    signer: Signer

    @property
    def verifier_key(self) -> str:
        """The C2SP verifier key (vkey) that auditors keep: ``NAME+ID+KEY``."""
        return str(self.signer.verifier)

    def __repr__(self) -> str:
        return f"WorkspaceKeys({self.folder}, {self.verifier_key})"


def ensure_keys(keys: Path, *, origin: str = "", data: Path | None = None) -> WorkspaceKeys:
    """Load the keys of a workspace; make them where the folder has none.

    Args:
        keys: The keys folder.
        origin: The journal's origin, which names the signing key (C2SP tlog-checkpoint: the key
            name should match the origin). A key made without one has a name derived from itself
            until the first journal that it signs names it.
        data: The data folder, to refuse a keys folder inside it.

    Raises:
        InvalidInput: The folder lies inside the data folder, or the origin is no key name.
        Unavailable: Others can read the folder or a file in it, or one of two files is missing.
        Conflict: The signing key belongs to a journal of another origin.
    """
    if data is not None and keys.resolve().is_relative_to(data.resolve()):
        raise InvalidInput(
            "the keys folder lies inside the data folder", where=str(keys),
            advice="move it beside the data folder and set its path in tracehold.toml",
        )  # fmt: skip
    if origin and not valid_key_name(origin):
        raise InvalidInput(
            "the origin is not a key name", where=origin,
            advice="use a schema-less URL without spaces and plus signs: example.com/lineage",
        )  # fmt: skip
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_loose(keys)
    if not (keys / SECRET).exists() and not (keys / SIGNING_KEY).exists():
        seed = secrets.token_bytes(32)
        _write(keys / SECRET, secrets.token_hex(32) + "\n")
        _write(keys / SIGNING_KEY, _skey(Signer(origin or _derived_name(seed), seed), seed))
    loaded = load_keys(keys)
    if not origin or loaded.signer.name == origin:
        return loaded
    if not loaded.signer.name.startswith(_UNNAMED):
        raise Conflict(
            "the signing key belongs to a journal of another origin", where=loaded.signer.name,
            advice=f"open it under that origin, not as {origin}",
        )  # fmt: skip
    seed = _seed(keys / SIGNING_KEY)[1]
    _write(keys / SIGNING_KEY, _skey(Signer(origin, seed), seed), replace=True)
    return load_keys(keys)


def load_keys(keys: Path) -> WorkspaceKeys:
    """Load the keys of a workspace and make nothing.

    Raises:
        Unavailable: A file is missing, damaged, or readable by others.
    """
    return WorkspaceKeys(keys, load_secret(keys), load_signer(keys))


def load_secret(keys: Path) -> bytes:
    """The workspace secret alone.

    Raises:
        Unavailable: It is missing, damaged, or readable by others.
    """
    _refuse_loose(keys)
    path = keys / SECRET
    try:
        secret = bytes.fromhex(_read(path))
    except ValueError:
        secret = b""
    if len(secret) < 32:
        raise Unavailable(
            "the workspace secret is damaged", where=str(path),
            advice="restore the keys folder from its backup",
        )  # fmt: skip
    return secret


def secret_tag(secret: bytes) -> str:
    """What the journal keeps to recognize its secret by; it tells nobody what the secret is."""
    return hmac.digest(secret, b"tracehold/secret/1", hashlib.sha256).hex()


def load_signer(keys: Path, name: str = SIGNING_KEY) -> Signer:
    """The signing key alone.

    Raises:
        Unavailable: It is missing, damaged, or readable by others.
    """
    _refuse_loose(keys)
    return Signer(*_seed(keys / name))


def find_signer(keys: Path) -> Signer | None:
    """The signing key where it is there and whole, for what can be done without it too."""
    try:
        return load_signer(keys)
    except Unavailable:
        return None


def make_next_key(keys: Path, name: str) -> Signer:
    """Make the key that shall follow; one that was made before and never came to be is replaced."""
    seed = secrets.token_bytes(32)
    signer = Signer(name, seed)
    _write(keys / NEXT_KEY, _skey(signer, seed), replace=True)
    return signer


def take_next_key(keys: Path) -> None:
    """Put the next key in the place of the present one, whose private half is overwritten.

    Overwriting reaches the file's own blocks, not copies that file system or disk keep below it.
    """
    with suppress(FileNotFoundError), (keys / SIGNING_KEY).open("r+b", 0) as former:
        former.write(bytes(os.fstat(former.fileno()).st_size))
        os.fsync(former.fileno())
    (keys / NEXT_KEY).replace(keys / SIGNING_KEY)
    sync(keys)


def _derived_name(seed: bytes) -> str:
    public = Signer("x", seed).verifier.public
    return _UNNAMED + hashlib.sha256(public).hexdigest()[:12]


def _skey(signer: Signer, seed: bytes) -> str:
    """The private key in the text form of Go's ``sumdb/note``, which other tools read."""
    encoded = base64.b64encode(b"\x01" + seed).decode()
    return f"{_PREFIX}+{signer.name}+{signer.verifier.key_id.hex()}+{encoded}\n"


def _seed(path: Path) -> tuple[str, bytes]:
    text = _read(path).strip()
    parts = text.removeprefix(_PREFIX + "+").split("+", 2)
    try:
        key = base64.b64decode(parts[-1], validate=True)
    except (binascii.Error, ValueError):
        key = b""
    name = parts[0]
    if len(key) == 33 and key[0] == 1 and valid_key_name(name):
        key_id = Signer(name, key[1:]).verifier.key_id.hex()
        if text == f"{_PREFIX}+{name}+{key_id}+{parts[-1]}":
            return name, key[1:]
    raise Unavailable(
        "the signing key is damaged", where=str(path),
        advice="restore the keys folder from its backup",
    )  # fmt: skip


def _read(path: Path) -> str:
    try:
        _refuse_loose(path)
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            "a key of the workspace cannot be read", where=str(path),
            advice="restore the keys folder from its backup" + _ELSE.get(path.name, ""),
        ) from error  # fmt: skip


def _refuse_loose(path: Path) -> None:
    """Refuse a file or folder that group or others may touch (Windows has no such bits)."""
    if os.name == "nt" or not path.exists():
        return
    mode = path.stat().st_mode
    if mode & 0o077:
        wanted = "700" if stat.S_ISDIR(mode) else "600"
        raise Unavailable(
            "others on this machine may read the keys", where=str(path),
            advice=f"run: chmod {wanted} {path}",
        )  # fmt: skip


def _write(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a key file durably: complete or not at all, never over one that exists by surprise."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)
