"""Seal an evidence bundle: facts with proofs, the documents that rest on them, and a verifier.

It is verified on a laptop without the workspace. The manifest lists every file and is signed with
the journal's key, so that no byte of the bundle can change unseen. Raw parts never enter a bundle.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from lineage.clock import format_millis
from lineage.errors import Conflict, InvalidInput, Unavailable
from lineage.evidence import verify_bundle, verify_log
from lineage.evidence.proof_text import format_proof
from lineage.journal.checkpoint import Signer, sign_note
from lineage.journal.envelope import decode
from lineage.journal.keychain import STREAM as KEYS
from lineage.journal.port import Proof, StoredFact

__all__ = ["SealableJournal", "seal"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*(/[A-Za-z0-9_][A-Za-z0-9_.@+-]*)*")

_README = """\
EVIDENCE BUNDLE
===============

Sealed {created} from the journal {origin}.

What is in it
  documents/      verdicts, certificates and traces, as the system gave them; under streams/ the
                  proofs that these are all holds, and all changes of the signing key
  facts/          the recorded facts that they rest on; N.json is position N of the journal
  proofs/         for each fact, the proof that it is in the journal
  checkpoint      size and root of the journal, signed
  verifier.key    the public key that all signatures here are checked with
  manifest.json   every file with its SHA-256; signed in manifest.note
  verify.py       checks all of the above; needs nothing but Python 3.11 or newer
  verify_log.py   checks proofs about the whole journal, which you may ask for at any time

How to verify
  python verify.py
  exit code 0: everything holds; 1: something was changed; 2: it cannot be read
  python verify_log.py stream documents/streams/hold.json --vkey NAME+ID+KEY

What that proves, and what it does not
  The facts were in the journal when the checkpoint was signed, their contents are those that were
  recorded, and nothing in this bundle was changed since it was sealed.
  A fact whose content was erased shows its envelope alone. That is how erasure looks, not damage.
  This bundle carries its own key and its own copy of the verifier. Verifying a bundle with what it
  brings along proves only that it agrees with itself. So:
    - run your own copy of verify.py, or `tracehold evidence verify`;
    - compare verifier.key with the key that you were given earlier: --vkey NAME+ID+KEY;
    - compare the checkpoint with one that you kept: --checkpoint FILE. Is yours an older one, ask
      for `tracehold journal checkpoint --since YOURS` and run verify_log.py on what you get.
  The journal is tamper-evident towards whoever kept a checkpoint. Someone who holds the signing key
  can write another history and sign it; only a checkpoint kept by somebody else shows that.
"""


class SealableJournal(Protocol):
    """What sealing needs of a journal; ``SqliteJournal`` has it."""

    @property
    def signer(self) -> Signer:
        """Signs the manifest."""
        ...

    def get(self, fact_id: str) -> StoredFact:
        """One fact with its parts."""
        ...

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        ...

    def at(self, position: int) -> StoredFact:
        """The fact at a position with its parts."""
        ...

    def members(self, stream: str) -> list[int]:
        """Positions of a governance stream in its order."""
        ...

    def prove(self, position: int, checkpoint: str | None = None) -> Proof:
        """Inclusion proof in a given checkpoint."""
        ...


def seal(
    journal: SealableJournal,
    fact_ids: Sequence[str],
    target: Path,
    *,
    documents: Mapping[str, bytes],
    created: int,
) -> Path:
    """Write an evidence bundle: a folder, or one file where ``target`` ends in ``.zip``.

    The same facts, documents and checkpoint give the same bytes.

    Args:
        journal: Where the facts are and whose key signs.
        fact_ids: The facts to cite; repetitions are dropped, the order is that of the journal.
        target: Where the bundle goes; it must not exist yet.
        documents: Files under ``documents/`` by relative name. Each file under ``certificates/``
            must be a signed note by the journal's key.
        created: When it is sealed, epoch milliseconds.

    Raises:
        NotFound: A fact is not in the journal.
        InvalidInput: A document's name leaves ``documents/`` or is not plain.
        Conflict: The target exists.
        Unavailable: The target cannot be written.
    """
    # The changes of key always: by them a holder of a former key follows to the one that signs.
    changes = [journal.at(position) for position in journal.members(KEYS)]
    facts = {fact.position: fact for fact in changes}
    facts |= {fact.position: fact for fact in map(journal.get, fact_ids)}
    checkpoint = journal.checkpoint()
    files: dict[str, bytes] = {
        verify_bundle.CHECKPOINT: checkpoint.encode(),
        verify_bundle.KEY: f"{journal.signer.verifier}\n".encode(),
        "verify.py": Path(verify_bundle.__file__).read_bytes(),
        "verify_log.py": Path(verify_log.__file__).read_bytes(),
        "README.txt": _README.format(
            created=format_millis(created), origin=journal.signer.name
        ).encode(),
    }
    for position, fact in sorted(facts.items()):
        files[f"facts/{position}.json"] = _fact_file(fact)
        proof = journal.prove(position, checkpoint)
        files[f"proofs/{position}.tlog-proof"] = format_proof(proof).encode()
    for name, content in documents.items():
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "this is no name for a document in a bundle", where=name,
                advice="use letters, digits and _ . @ + - in parts separated by /",
            )  # fmt: skip
        files[f"documents/{name}"] = content
    manifest = _pretty(
        {
            "bundle": "tracehold.evidence/1",
            "created": format_millis(created),
            "facts": [_listing(fact) for _, fact in sorted(facts.items())],
            "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
            "origin": journal.signer.name,
            "tool": f"tracehold {_tool_version()}",
        }
    )
    body = f"{verify_bundle.MANIFEST_TITLE}\n{hashlib.sha256(manifest).hexdigest()}\n"
    files[verify_bundle.MANIFEST] = manifest
    files[verify_bundle.MANIFEST_NOTE] = sign_note(journal.signer, body).encode()
    _write(files, target)
    return target


def _fact_file(fact: StoredFact) -> bytes:
    """The fact for the bundle: its envelope byte by byte, its content where it still exists."""
    return _pretty(
        {
            "distilled": _base64(fact.distilled),
            "distilled_salt": _base64(fact.distilled_salt),
            "envelope": fact.envelope.decode(),
            "fact_id": decode(fact.envelope).id,
            "position": fact.position,
        }
    )


def _listing(fact: StoredFact) -> dict[str, Any]:
    envelope = decode(fact.envelope)
    return {
        "content": "erased" if fact.distilled is None else "present",
        "id": envelope.id,
        "kind": envelope.kind,
        "position": fact.position,
    }


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _pretty(value: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def _tool_version() -> str:
    try:
        return importlib.metadata.version("tracehold")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _write(files: Mapping[str, bytes], target: Path) -> None:
    """All of it or nothing: written beside the target and moved there at the end."""
    if target.exists():
        raise Conflict("the target exists already", where=str(target), advice="choose another name")
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".zip":
            partial.write_bytes(verify_bundle.pack(dict(files)))
        else:
            for name, content in files.items():
                path = partial / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):
            partial.unlink()
        raise Unavailable(
            f"the bundle cannot be written ({error.strerror})", where=str(target),
            advice="check the folder and the free space",
        ) from error  # fmt: skip
