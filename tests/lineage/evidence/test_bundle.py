"""Bundles: whole ones verify with nothing but Python, changed ones never do."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from journal_bundle import sealed_bundle
from journal_world import START, JournalFolder

from lineage.errors import Conflict, InvalidInput, NotFound, Unavailable
from lineage.evidence import verify_bundle
from lineage.evidence.proof_text import format_proof, parse_proof
from lineage.evidence.seal import seal
from lineage.journal.checkpoint import (
    Signer,
    Verifier,
    parse_checkpoint,
    sign_note,
    verify_note,
)
from lineage.journal.keys import load_keys
from lineage.journal.merkle import leaf_hash, verify_inclusion

Sealed = tuple[Path, str, str]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return sealed_bundle(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(scope="module")
def sealed_zip(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return sealed_bundle(tmp_path_factory.mktemp("zipped"), "bundle.zip")


@pytest.fixture
def copy(sealed: Sealed, tmp_path: Path) -> Path:
    return shutil.copytree(sealed[0], tmp_path / "copy")


def exit_code(bundle: Path, *more: str) -> int:
    return verify_bundle.main([str(bundle), *more])


def files_of(bundle: Path) -> list[Path]:
    return sorted(path for path in bundle.rglob("*") if path.is_file())


def test_the_verifier_in_the_bundle_runs_alone(sealed: Sealed, tmp_path: Path) -> None:
    copy = shutil.copytree(sealed[0], tmp_path / "elsewhere")
    run = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py"],
        check=False,
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "4 facts are in the journal, 3 of them with their content" in run.stdout
    assert "1 certificates are signed" in run.stdout
    assert files_of(copy) == sorted(
        copy / path.relative_to(sealed[0]) for path in files_of(sealed[0])
    )


def test_the_verifier_fits_an_auditor(sealed: Sealed) -> None:
    source = Path(verify_bundle.__file__).read_text()
    assert len(source.splitlines()) <= 300
    imported = {
        line.split()[1] for line in source.splitlines() if line.startswith(("import", "from"))
    }
    assert imported <= {*sys.stdlib_module_names}


def test_the_key_and_the_checkpoint_that_the_auditor_kept_are_compared(
    sealed: Sealed, tmp_path: Path
) -> None:
    bundle, vkey, checkpoint = sealed
    kept = tmp_path / "kept"
    kept.write_text(checkpoint)
    assert exit_code(bundle, "--vkey", vkey, "--checkpoint", str(kept)) == 0
    other, other_key, other_checkpoint = sealed_bundle(tmp_path, facts=20)
    assert exit_code(other) == 0
    assert exit_code(bundle, "--vkey", other_key) == 1
    kept.write_text(other_checkpoint)
    assert exit_code(bundle, "--checkpoint", str(kept)) == 1
    kept.write_text("no note")
    assert exit_code(bundle, "--checkpoint", str(kept)) == 1
    assert exit_code(bundle, "--checkpoint", str(tmp_path / "missing")) == 2


def test_a_changed_byte_in_any_file_is_found(copy: Path) -> None:
    chance = random.Random(3)
    for path in files_of(copy):
        whole = path.read_bytes()
        for place in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(6))}:
            changed = bytearray(whole)
            changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            assert exit_code(copy) != 0, (path.name, place)
        path.write_bytes(whole)
    assert exit_code(copy) == 0


def test_every_bit_of_the_signed_notes_counts(copy: Path) -> None:
    path = copy / "manifest.note"
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        for bit in (0, 5):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            assert exit_code(copy) != 0, (place, bit)


def test_a_missing_or_added_or_renamed_file_is_found(copy: Path) -> None:
    for path in files_of(copy):
        aside = path.rename(path.with_name(path.name + ".aside"))
        assert exit_code(copy) != 0
        aside.rename(path)
    for added in ("documents/more.txt", "facts/2.json", "stray"):
        (copy / added).write_bytes(b"")
        assert exit_code(copy) == 1
        (copy / added).unlink()
    (copy / "documents" / "link").symlink_to(copy / "checkpoint")
    assert exit_code(copy) == 1


def test_a_changed_byte_in_the_archive_is_found(sealed_zip: Sealed, tmp_path: Path) -> None:
    whole = sealed_zip[0].read_bytes()
    changed_zip = tmp_path / "changed.zip"
    assert exit_code(sealed_zip[0]) == 0
    chance = random.Random(5)
    places = {*range(60), *range(len(whole) - 200, len(whole))}
    places |= {chance.randrange(len(whole)) for _ in range(200)}
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        changed_zip.write_bytes(changed)
        assert exit_code(changed_zip) != 0, place
    for changed in (whole[:-1], whole + b"\0", whole[: len(whole) // 2], b""):
        changed_zip.write_bytes(changed)
        assert exit_code(changed_zip) != 0


def reseal(files: dict[str, bytes], signer: Signer, target: Path) -> Path:
    """Write changed files with a manifest that lists them and that is properly signed."""
    listed = {name: content for name, content in files.items() if not name.startswith("manifest.")}
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {n: hashlib.sha256(content).hexdigest() for n, content in listed.items()}
    listed["manifest.json"] = json.dumps(manifest).encode()
    digest = hashlib.sha256(listed["manifest.json"]).hexdigest()
    listed["manifest.note"] = sign_note(
        signer, f"{verify_bundle.MANIFEST_TITLE}\n{digest}\n"
    ).encode()
    target.write_bytes(verify_bundle.pack(listed))
    return target


def test_each_layer_holds_even_where_the_manifest_is_signed_again(
    sealed: Sealed, tmp_path: Path
) -> None:
    """Whoever holds the key can sign a manifest; that alone moves no fact and no certificate."""
    bundle, _, checkpoint = sealed
    signer = load_keys(bundle.parent / "workspace" / "keys").signer
    files = verify_bundle.load(bundle)
    target = tmp_path / "resealed.zip"
    assert exit_code(reseal(files, signer, target)) == 0
    name, proof = "facts/1.json", "proofs/1.tlog-proof"
    fact = json.loads(files[name])
    swapped = checkpoint.replace("\n300\n", "\n299\n")
    renamed = fact["envelope"].replace("noted", "notes")
    changes: list[dict[str, bytes | None]] = [
        {name: json.dumps({**fact, "envelope": renamed}).encode()},
        {name: json.dumps({**fact, "distilled": "e30="}).encode()},
        {name: json.dumps({**fact, "distilled_salt": "AAAA"}).encode()},
        {name: json.dumps({**fact, "position": 2}).encode()},
        {name: b"[]"},
        {name: None},
        {proof: files["proofs/8.tlog-proof"]},
        {proof: None},
        {name: None, "facts/2.json": files[name]},
        {"checkpoint": swapped.encode()},
        {"documents/certificates/c1.json": b'{"certificate":"c1","purged":0}\n'},
    ]
    for change in changes:
        merged = {**files, **change}
        kept = {n: content for n, content in merged.items() if content is not None}
        assert exit_code(reseal(kept, signer, target)) == 1, change


def test_another_key_cannot_take_over_the_checkpoint(sealed: Sealed, tmp_path: Path) -> None:
    other = Signer(Verifier.parse(sealed[1]).name, b"7" * 32)
    files = {
        **verify_bundle.load(sealed[0]),
        "verifier.key": f"{other.verifier}\n".encode(),
    }
    assert exit_code(reseal(files, other, tmp_path / "forged.zip")) == 1


def test_the_checks_below_the_manifest_hold_on_their_own(sealed: Sealed) -> None:
    files = verify_bundle.load(sealed[0])
    head = parse_checkpoint(verify_note(sealed[2], sealed[1]))
    names = [name for name in files if name.startswith("facts/")]
    for name in names:
        fact = json.loads(files[name])
        assert verify_bundle.verify_fact(name, files, head.size, head.root) == bool(
            fact["distilled"]
        )
        changed = {
            "position": fact["position"] + 1,
            "envelope": fact["envelope"].replace("noted", "notes"),
            "distilled": "e30=",
            "distilled_salt": "AAAA",
        }
        for field, value in changed.items():
            if field.startswith("distilled") and not fact["distilled"]:
                continue
            forged = {**files, name: json.dumps({**fact, field: value}).encode()}
            with pytest.raises((verify_bundle.ChangedError, ValueError, KeyError)):
                verify_bundle.verify_fact(name, forged, head.size, head.root)


def test_what_is_no_bundle_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    (tmp_path / "empty").mkdir()
    for name in ("missing", "text.zip", "empty"):
        assert exit_code(tmp_path / name) == 2


def test_the_same_bundle_has_the_same_bytes(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path / "w")
    ids = folder.filled(9)
    journal = folder.open()
    one, two = (
        seal(journal, ids[:3], tmp_path / name, documents={"a/b.txt": b"x"}, created=START)
        for name in ("one.zip", "two.zip")
    )
    journal.close()
    assert one.read_bytes() == two.read_bytes()


def test_no_raw_part_and_no_erased_part_enters_a_bundle(sealed: Sealed) -> None:
    content = b"".join(verify_bundle.load(sealed[0]).values())
    assert b"as received" not in content
    fact = json.loads((sealed[0] / "facts" / "8.json").read_text())
    assert (fact["distilled"], fact["distilled_salt"]) == (None, None)


def test_sealing_refuses_what_it_cannot_seal(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path / "w")
    ids = folder.filled(2)
    journal = folder.open(read_only=True)
    target = tmp_path / "bundle"
    for name in ("../out", "/etc/x", "a//b", "", ".hidden", "a/../b", "tab\t", "back\\slash"):
        with pytest.raises(InvalidInput):
            seal(journal, ids, target, documents={name: b""}, created=START)
    with pytest.raises(NotFound):
        seal(journal, ["ff" * 16], target, documents={}, created=START)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        seal(journal, ids, tmp_path / "file" / "bundle", documents={}, created=START)
    assert seal(journal, ids, target, documents={}, created=START) == target
    with pytest.raises(Conflict):
        seal(journal, ids, target, documents={}, created=START)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]
    journal.close()


def test_a_proof_survives_its_text_form_and_verifies_from_it(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    folder.filled(300)
    journal = folder.open(read_only=True)
    for position in (1, 256, 257, 300):
        proof = parse_proof(format_proof(journal.prove(position)))
        assert proof == journal.prove(position)
        head = parse_checkpoint(verify_note(proof.checkpoint, journal.verifier_key))
        leaf = leaf_hash(journal.at(position).envelope)
        assert verify_inclusion(leaf, proof.index, head.size, proof.hashes, head.root)
    journal.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nx\n1\ny\n",
        "c2sp.org/tlog-proof@v1\nindex 01\n\nx\n1\ny\n",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nx\n1\ny\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!\n\nx\n1\ny\n",
    ],
)
def test_a_text_that_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_proof(text)


def test_unauthenticated_extra_data_in_a_proof_is_skipped() -> None:
    text = "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 3\n\nx\n4\ny\n"
    assert (parse_proof(text).index, parse_proof(text).size) == (3, 4)


# RFC 8032 section 7.1, tests 1 to 3.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_verifier_s_ed25519_agrees_with_the_rfc(
    public: str, message: str, signature: str
) -> None:
    key, text, good = (bytes.fromhex(part) for part in (public, message, signature))
    assert verify_bundle.ed25519_holds(key, text, good)
    assert not verify_bundle.ed25519_holds(key, text + b"x", good)
    for place in range(64):
        bad = bytearray(good)
        bad[place] ^= 4
        assert not verify_bundle.ed25519_holds(key, text, bytes(bad))
    # The same S plus the group order is the classic malleable twin; RFC 8032 demands S < L.
    twin = int.from_bytes(good[32:], "little") + verify_bundle.Q
    assert not verify_bundle.ed25519_holds(key, text, good[:32] + twin.to_bytes(32, "little"))
    assert not verify_bundle.ed25519_holds(key, text, good[:-1])
    assert not verify_bundle.ed25519_holds(b"\xff" * 32, text, good)
