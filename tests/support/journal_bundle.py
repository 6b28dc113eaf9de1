"""A sealed evidence bundle for tests: five cited facts of a journal, one of them erased."""

from __future__ import annotations

from pathlib import Path

from journal_world import START, JournalFolder

from lineage.evidence.seal import seal
from lineage.journal.checkpoint import sign_note


def sealed_bundle(root: Path, name: str = "bundle", *, facts: int = 300) -> tuple[Path, str, str]:
    """Seal a bundle under ``root``; give its path, the verifier key and the checkpoint."""
    folder = JournalFolder(root / "workspace")
    ids = folder.filled(facts)
    journal = folder.open()
    try:
        journal.erase(ids[7], "distilled")
        certificate = sign_note(journal.signer, '{"certificate":"c1","purged":3}\n')
        target = seal(
            journal,
            [ids[0], ids[7], ids[-1], ids[facts // 2], ids[0]],
            root / name,
            documents={
                "verdict.json": b'{"verdict":"denied"}\n',
                "certificates/c1.json": certificate.encode(),
                "trace.txt": "model ← source\n".encode(),
            },
            created=START,
        )
        return target, journal.verifier_key, journal.checkpoint()
    finally:
        journal.close()
