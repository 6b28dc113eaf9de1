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

EVERY = 1_000_000
SAMPLE = {
    "make": rounds(usual=20, minutes=250, campaign=EVERY),
    "work": rounds(usual=40, minutes=500, campaign=EVERY),
    "backup": rounds(usual=10, minutes=100, campaign=EVERY),
    "restore": rounds(usual=10, minutes=100, campaign=EVERY),
}


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
    """What became of each try."""

    def __init__(self) -> None:
        self.tried = 0
        self.wrong: list[str] = []
        self.seen: Counter[str] = Counter()

    def summary(self) -> str:
        """How the tries ended, in one line."""
        named = sum(count for seen, count in self.seen.items() if seen.startswith("error"))
        causes = sum(seen.startswith("error") for seen in self.seen)
        return (
            f"{self.seen['killed']} killed, {self.seen['done']} without effect,"
            f" {named} refused with one of {causes} named causes"
        )

    def judge(self, point: Point, fault: str, played: Answer, after: Answer) -> None:
        self.tried += 1
        ended, left = played.outcome(), after.outcome()
        self.seen[ended] += 1
        if ended.startswith("fault") or not after.all("started"):
            self.wrong.append(
                f"{fault} in call {point.number}, {point.call} {point.path}: {ended} → {left}"
            )


@pytest.mark.parametrize("play", ["backup", "restore"])
def test_after_a_fault_in_a_system_call_a_backup_is_whole_or_not_there(
    players: Player, tmp_path: Path, play: str
) -> None:
    folder, before = tmp_path / "folder", tmp_path / "before"
    assert players.play("make", before / "shop").outcome() == "done"
    assert players.play("work", before / "shop").outcome() == "done"
    if play == "restore":
        assert players.play("backup", before).outcome() == "done"
    shutil.copytree(before, folder)
    points = players.points(play, folder, tmp_path / "calls")
    outcomes = Outcomes()
    for point, fault in _tries(points, SAMPLE[play]):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder)
        played = players.play(play, folder, at=point.number, fault=fault)
        outcomes.judge(point, fault, played, players.play(f"check_{play}", folder))
    record(
        f"Faults in system calls, {play}", tried=outcomes.tried, failed=len(outcomes.wrong),
        unit="faults", note=f"{len(points)} calls: {outcomes.summary()}",
    )  # fmt: skip
    assert not outcomes.wrong


@pytest.mark.parametrize("play", ["make", "work"])
def test_after_a_fault_in_a_system_call_nothing_acknowledged_is_lost(
    players: Player, tmp_path: Path, play: str
) -> None:
    folder, before = tmp_path / "workspace", tmp_path / "before"
    if play == "work":
        assert players.play("make", before).outcome() == "done"
        shutil.copytree(before, folder)
    points = players.points(play, folder, tmp_path / "calls")
    outcomes = Outcomes()
    for point, fault in _tries(points, SAMPLE[play]):
        shutil.rmtree(folder, ignore_errors=True)
        if before.exists():
            shutil.copytree(before, folder)
        played = players.play(play, folder, at=point.number, fault=fault)
        known = {"acknowledged": played.all("acknowledged"), "erased": played.all("erased")}
        after = players.play("check", folder, more=known)
        outcomes.judge(point, fault, played, after)
    record(
        f"Faults in system calls, {'open a new workspace' if play == 'make' else 'work'}",
        tried=outcomes.tried, failed=len(outcomes.wrong), unit="faults",
        note=f"{len(points)} calls: {outcomes.summary()}",
    )  # fmt: skip
    assert not outcomes.wrong
