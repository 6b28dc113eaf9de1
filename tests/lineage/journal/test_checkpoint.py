"""Signed notes against the published example, against changes, and against other keys."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.errors import InvalidInput
from lineage.journal.checkpoint import (
    BadSignature,
    Signer,
    Verifier,
    checkpoint_body,
    claimed_size,
    parse_checkpoint,
    sign_note,
    valid_key_name,
    verify_note,
)
from lineage.journal.port import Head

# The example of golang.org/x/mod/sumdb/note, which signed-note is the specification of.
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ"
    "SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

SIGNER = Signer("tracehold.test/a", bytes(range(32)))
OTHER = Signer("tracehold.test/b", bytes(range(1, 33)))
BODY = "first\n\nsecond, after an empty line\n"


def test_the_published_note_verifies() -> None:
    assert verify_note(GO_NOTE, GO_VKEY) == GO_TEXT
    assert str(Verifier.parse(GO_VKEY)) == GO_VKEY


def test_a_signed_note_gives_its_text_back() -> None:
    assert verify_note(sign_note(SIGNER, BODY), str(SIGNER.verifier)) == BODY


def test_signatures_of_other_keys_are_ignored() -> None:
    foreign = sign_note(OTHER, BODY).removeprefix(BODY + "\n")
    both = sign_note(SIGNER, BODY) + foreign
    assert verify_note(both, SIGNER.verifier) == verify_note(both, OTHER.verifier) == BODY
    third = Signer("tracehold.test/c", bytes(32))
    with pytest.raises(BadSignature):
        verify_note(both, third.verifier)


def test_a_key_of_the_same_name_is_another_key() -> None:
    namesake = Signer(SIGNER.name, bytes(32))
    with pytest.raises(BadSignature):
        verify_note(sign_note(namesake, BODY), SIGNER.verifier)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_note_with_one_changed_character_does_not_verify(data: st.DataObject) -> None:
    note = sign_note(SIGNER, "tracehold.test/a\n12\nAAAA\n")
    place = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != note[place]))
    with pytest.raises(BadSignature):
        verify_note(note[:place] + other + note[place + 1 :], SIGNER.verifier)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— a\n",
        sign_note(SIGNER, BODY).rstrip("\n"),
        sign_note(SIGNER, BODY).replace("—", "-"),
        sign_note(SIGNER, BODY) + "\n",
        sign_note(SIGNER, BODY) + "— x AAAAAAAA\n" * 200,
        sign_note(SIGNER, BODY).replace("first", "first\r"),
        sign_note(SIGNER, BODY)[:-5] + "*" + sign_note(SIGNER, BODY)[-5:],
    ],
)
def test_what_is_not_a_note_is_refused(note: str) -> None:
    with pytest.raises(BadSignature):
        verify_note(note, SIGNER.verifier)


@pytest.mark.parametrize("body", ["", "no newline", "tab\t\n", "carriage\r\n", "nul\0\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(body: str) -> None:
    with pytest.raises(ValueError, match="note"):
        sign_note(SIGNER, body)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000+AAAA",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("PeterNeumann", "Peter Neumann"),
        GO_VKEY[:-4],
        "name+!!+??",
    ],
)
def test_a_text_that_is_no_key_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidInput):
        Verifier.parse(vkey)


def test_the_private_key_is_not_in_the_repr() -> None:
    seed = b"a canary of thirty-two bytes ...."[:32]
    shown = repr(Signer("name", seed))
    assert "canary" not in shown
    assert base64.b64encode(seed).decode() not in shown
    assert seed.hex() not in shown


@given(st.integers(0, 1 << 62), st.binary(min_size=32, max_size=32))
@settings(max_examples=50, deadline=None)
def test_a_checkpoint_reads_back(size: int, root: bytes) -> None:
    body = checkpoint_body("tracehold.test/a", Head(size, root))
    assert parse_checkpoint(body, origin="tracehold.test/a") == Head(size, root)
    with pytest.raises(BadSignature):
        parse_checkpoint(body, origin="tracehold.test/b")


@pytest.mark.parametrize(
    "body",
    ["", "o\n1\n", "o\n01\n%s\n", "o\n-1\n%s\n", "o\n1\nAAAA\n", "o\n1\n%s\nmore\n", "\n1\n%s\n"],
)
def test_what_is_no_checkpoint_is_refused(body: str) -> None:
    root = base64.b64encode(bytes(32)).decode()
    with pytest.raises(BadSignature):
        parse_checkpoint(body.replace("%s", root))


def test_a_root_with_loose_base64_bits_is_refused() -> None:
    root = base64.b64encode(bytes(32)).decode()
    with pytest.raises(BadSignature):
        parse_checkpoint(f"o\n1\n{root[:-2]}B=\n")


@pytest.mark.parametrize(
    ("name", "good"),
    [("example.com/x", True), ("", False), ("a b", False), ("a+b", False), ("a\u2003b", False)],
)
def test_key_names_are_those_of_the_specification(name: str, good: bool) -> None:
    assert valid_key_name(name) is good


def test_a_note_that_does_not_verify_is_refused_whatever_its_length() -> None:
    note = sign_note(SIGNER, BODY)
    head, _, line = note.rpartition("— ")
    name, _, blob = line.rstrip("\n").partition(" ")
    data = bytearray(base64.b64decode(blob))
    for at in range(4, len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        forged = f"{head}— {name} {base64.b64encode(changed).decode()}\n"
        with pytest.raises(BadSignature):
            verify_note(forged, SIGNER.verifier)
    for text in (data[:-1], data[:4], data + b"x"):
        forged = f"{head}— {name} {base64.b64encode(text).decode()}\n"
        with pytest.raises(BadSignature):
            verify_note(forged, SIGNER.verifier)


@pytest.mark.parametrize("size", ["", "x", "01", "-1", "+1", " 1", "1_0", "9" * 20, "9" * 5000])
def test_a_size_that_is_no_size_is_none(size: str) -> None:
    body = checkpoint_body("a", Head(1, bytes(32))).replace("\n1\n", f"\n{size}\n", 1)
    assert claimed_size(body) == 0
    with pytest.raises(BadSignature):
        parse_checkpoint(body)
    assert claimed_size("a") == claimed_size("") == 0


@pytest.mark.parametrize("root", ["", "AAAA", "!" * 44, "A" * 43 + "B="])
def test_a_root_that_is_no_root_is_refused(root: str) -> None:
    with pytest.raises(BadSignature):
        parse_checkpoint(f"a\n1\n{root}\n")
