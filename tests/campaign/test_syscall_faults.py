"""One fault in one system call: what was acknowledged is there, or the start refuses by name."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from campaign import record
from faults import Answer, Player, Point, build_shim, player
from rounds import rounds
from services import NOT_TESTED, services_required

pytestmark = pytest.mark.campaign

PARTS = rounds(usual=1, minutes=4, campaign=24)
"""Tests into which each play is cut, for several workers; each takes every n-th fault."""
EVERY = 1_000_000
SAMPLE = {
    "make": rounds(usual=20, minutes=250, campaign=EVERY),
    "work": rounds(usual=40, minutes=500, campaign=EVERY),
    "backup": rounds(usual=10, minutes=100, campaign=EVERY),
    "restore": rounds(usual=10, minutes=100, campaign=EVERY),
}
NAMES = {"make": "open a new workspace"}
in_parts = pytest.mark.parametrize("part", range(PARTS))


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    shim = build_shim(tmp_path_factory.mktemp("shim"))
    if shim is None:
        reason = f"{NOT_TESTED} (compiler): faults in system calls; install gcc, on Linux"
        if services_required():
            pytest.fail(reason)
        pytest.skip(reason)
    with player(shim) as ready:
        yield ready


def _tries(points: Sequence[Point], most: int) -> list[tuple[Point, str]]:
    """At most so many pairs of point and fault: first one of every kind, then evenly spread."""
    every = [(point, fault) for point in points for fault in point.faults()]
    if len(every) <= most:
        return every
    kinds = {(point.call, Path(point.path).suffix, fault): (point, fault) for point, fault in every}
    step = len(every) / most
    spread = [every[int(n * step)] for n in range(most)]
    return list(dict.fromkeys([*list(kinds.values())[:: max(1, 2 * len(kinds) // most)], *spread]))[
        :most
    ]


class Outcomes:
    """What became of each try of one part of a play."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.seen: Counter[str] = Counter()

    def record(self, play: str, note: str) -> None:
        """Add the tries to the table: all of them, and those that ended in each way."""
        row = f"Faults in system calls, {NAMES.get(play, play)}"
        record(row, tried=self.seen.total(), failed=len(self.wrong), unit="faults", note=note)
        ways = {"killed": "killed", "done": "without effect", "error": "refused by name"}
        for seen, way in ways.items():
            tried = sum(n for ended, n in self.seen.items() if ended.partition(":")[0] == seen)
            record(f"{row}: {way}", tried=tried, failed=0, unit="faults")

    def judge(self, point: Point, fault: str, played: Answer, after: Answer) -> None:
        ended, left = played.outcome(), after.outcome()
        self.seen[ended] += 1
        if ended.startswith("fault") or not after.all("started"):
            self.wrong.append(
                f"{fault} in call {point.number}, {point.call} {point.path}: {ended} → {left}"
            )


@pytest.mark.parametrize("play", ["backup", "restore"])
@in_parts
def test_after_a_fault_in_a_system_call_a_backup_is_whole_or_not_there(
    players: Player, tmp_path: Path, play: str, part: int
) -> None:
    folder, before = tmp_path / "folder", tmp_path / "before"
    assert players.play("make", before / "shop").outcome() == "done"
    assert players.play("work", before / "shop").outcome() == "done"
    if play == "restore":
        assert players.play("backup", before).outcome() == "done"
    shutil.copytree(before, folder)
    points = players.points(play, folder, tmp_path / "calls")
    outcomes = Outcomes()
    for point, fault in _tries(points, SAMPLE[play])[part::PARTS]:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder)
        played = players.play(play, folder, at=point.number, fault=fault)
        outcomes.judge(point, fault, played, players.play(f"check_{play}", folder))
    outcomes.record(play, "" if part else f"{len(points)} calls")
    assert not outcomes.wrong


@pytest.mark.parametrize("play", ["make", "work"])
@in_parts
def test_after_a_fault_in_a_system_call_nothing_acknowledged_is_lost(
    players: Player, tmp_path: Path, play: str, part: int
) -> None:
    folder, before = tmp_path / "workspace", tmp_path / "before"
    if play == "work":
        assert players.play("make", before).outcome() == "done"
        shutil.copytree(before, folder)
    points = players.points(play, folder, tmp_path / "calls")
    outcomes = Outcomes()
    for point, fault in _tries(points, SAMPLE[play])[part::PARTS]:
        shutil.rmtree(folder, ignore_errors=True)
        if before.exists():
            shutil.copytree(before, folder)
        played = players.play(play, folder, at=point.number, fault=fault)
        known = {"acknowledged": played.all("acknowledged"), "erased": played.all("erased")}
        after = players.play("check", folder, more=known)
        outcomes.judge(point, fault, played, after)
    outcomes.record(play, "" if part else f"{len(points)} calls")
    assert not outcomes.wrong
