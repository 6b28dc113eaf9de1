"""Ten thousand tampers: each is found offline, and as many clean journals raise no alarm."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from campaign import record
from journal_world import JournalFolder
from rounds import rounds
from tampering import TAMPERS, Specimen, grown, make_specimen, verified

pytestmark = pytest.mark.campaign

ROUNDS = rounds(usual=200, campaign=10_000)


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> list[Specimen]:
    """A small journal with a change of key, and one with a complete tile."""
    root = tmp_path_factory.mktemp("specimens")
    return [
        make_specimen(root / "small", facts=24, rotate=True),
        make_specimen(root / "tiled", facts=262, rotate=False),
    ]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory where there is one: nothing here is about the disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


def pick(specimens: list[Specimen], chance: random.Random) -> Specimen:
    return specimens[chance.random() < 0.3]


def test_every_tamper_is_found_offline(specimens: list[Specimen], place: Path) -> None:
    chance = random.Random(20_260)
    kinds: Counter[str] = Counter()
    missed: list[str] = []
    try:
        while kinds.total() < ROUNDS:
            specimen = pick(specimens, chance)
            folder = specimen.lay_out(place)
            (tamper,) = chance.choices(list(TAMPERS), list(TAMPERS.values()))
            made = tamper(specimen, folder, chance)
            if not made:
                continue  # this journal has nothing of the kind
            kinds[made] += 1
            if verified(specimen, folder).ok:
                missed.append(f"{made} (round {kinds.total()})")
    finally:
        record(
            "Tampers with envelope, part, tree node or checkpoint",
            tried=kinds.total(), failed=len(missed), unit="tampers",
            note=f"{len(kinds)} kinds, by byte, row and history",
        )  # fmt: skip
    assert missed == []
    assert len(kinds) >= 15


def test_a_clean_journal_raises_no_alarm(specimens: list[Specimen], place: Path) -> None:
    chance = random.Random(20_261)
    alarms: list[object] = []
    tried = 0
    try:
        for tried in range(1, ROUNDS + 1):
            specimen = pick(specimens, chance)
            folder = specimen.lay_out(place)
            grown(specimen, folder, chance)
            report = verified(specimen, folder)
            if not report.ok:
                alarms.append((tried, report.problems))
    finally:
        record("Clean journals verified", tried=tried, failed=len(alarms), unit="journals")
    assert alarms == []


def test_a_changed_byte_elsewhere_in_the_file_changes_no_value_read(
    specimens: list[Specimen], place: Path
) -> None:
    chance = random.Random(20_262)
    specimen = specimens[0]
    expected = everything(specimen.lay_out(place))
    whole = specimen.files["data/journal.db"]
    tried = found = 0
    differing: list[int] = []
    try:
        for tried in range(1, ROUNDS + 1):  # noqa: B007 - counted where it stops
            changed = bytearray(whole)
            at = chance.randrange(len(whole))
            changed[at] ^= chance.randrange(1, 256)
            folder = specimen.lay_out(place)
            (folder.data / "journal.db").write_bytes(changed)
            if not verified(specimen, folder).ok:
                found += 1
            elif everything(folder) != expected:
                differing.append(at)
    finally:
        record(
            "Changed bytes anywhere in journal.db", tried=tried, failed=len(differing),
            unit="bytes", note=f"{found} found by verify, the others change no value read",
        )  # fmt: skip
    assert differing == []
    assert 0 < found < ROUNDS


def everything(folder: JournalFolder) -> object:
    """Every value that can be asked of a journal."""
    journal = folder.open(read_only=True)
    try:
        size = journal.head().size
        return (
            list(journal.stored()), journal.read(), journal.checkpoint(), journal.members("hold"),
            [journal.prove(position) for position in range(1, size + 1)],
            [journal.prove_consistency(first, size) for first in range(size)],
            journal.key_chain(),
        )  # fmt: skip
    finally:
        journal.close()
