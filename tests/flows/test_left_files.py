"""Files as a crash, a careless copy or a wrong clock leaves them: the start goes on or names it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from backup_drills import Drill, digest_at, ingest
from campaign import record
from rounds import rounds

from lineage.clock import system_clock
from lineage.errors import TraceholdError
from lineage.journal.verify import verify_journal
from tracehold.bootstrap import open_services
from tracehold.settings import Settings, load

DAY = 86_400_000
TORN = 4_096


def _whole(settings: Settings, scratch: Path) -> int:
    """Start once more: the journal holds and the state is what it makes; returns the facts."""
    with open_services(settings, write=True) as services:
        services.catch_up()
        facts, digest = services.journal.head().size, services.state.digest()
    report = verify_journal(settings.storage.data, settings.storage.keys)
    assert report.ok, report.problems
    scratch.mkdir()
    assert digest == digest_at(settings, facts, scratch / "state.db")
    shutil.rmtree(scratch)
    return facts


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["journal.db-wal", "parts.db-wal"])
def test_a_log_that_is_torn_anywhere_at_its_end_gives_a_prefix_or_a_named_refusal(
    tmp_path: Path, name: str
) -> None:
    """F11: cut at every byte of the last four KiB; what was synced before the cut is there."""
    drill = Drill(tmp_path, facts=4)
    died = tmp_path / "died"
    with drill.services() as services:
        ingest(services, 6, seed=50)
        services.catch_up()
        # As kill -9 leaves it: the logs are not folded into their files.
        shutil.copytree(drill.settings.folder, died)
    (log,) = died.rglob(name)
    size, relative = log.stat().st_size, log.relative_to(died)
    step = TORN // rounds(usual=8, minutes=64, campaign=TORN)
    outcomes: dict[str, int] = {}
    tried = 0
    for cut in range(size - 1, max(size - TORN, 0), -step):
        folder = tmp_path / "torn"
        shutil.copytree(died, folder)
        with (folder / relative).open("r+b") as file:
            file.truncate(cut)
        try:
            facts = _whole(load(folder, environ={}), tmp_path / "scratch")
            assert facts >= 4
            outcome = "prefix"
        except TraceholdError as error:
            outcome = error.what.partition(":")[0]
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        tried += 1
        shutil.rmtree(folder)
    record("Torn logs", tried=tried, failed=0, unit="cuts", note=", ".join(sorted(outcomes)))
    assert set(outcomes) <= {"prefix", "the journal is not opened"}


def _missing(settings: Settings) -> None:
    for path in settings.storage.data.glob("state.db*"):
        path.unlink()


def _empty(settings: Settings) -> None:
    _missing(settings)
    (settings.storage.data / "state.db").touch()


@pytest.mark.parametrize("spoil", [_missing, _empty])
def test_a_state_that_is_gone_is_folded_anew(
    tmp_path: Path, spoil: Callable[[Settings], None]
) -> None:
    """F13: the state file is missing or empty."""
    drill = Drill(tmp_path, facts=8)
    before = _whole(drill.settings, tmp_path / "scratch")
    spoil(drill.settings)
    assert _whole(drill.settings, tmp_path / "scratch") == before


def test_a_state_that_is_older_or_newer_than_its_journal_is_not_believed(tmp_path: Path) -> None:
    """F13: the state stands elsewhere than the journal, as after a restore by hand."""
    drill = Drill(tmp_path, facts=8)
    older = tmp_path / "older"
    shutil.copytree(drill.settings.folder, older)
    drill.more(6)
    after = _whole(drill.settings, tmp_path / "scratch")
    newer = tmp_path / "newer"
    shutil.copytree(drill.settings.folder, newer)
    for name in (path.name for path in (older / ".tracehold").glob("state.db*")):
        shutil.copyfile(older / ".tracehold" / name, drill.settings.storage.data / name)
    assert _whole(drill.settings, tmp_path / "scratch") == after
    for name in (path.name for path in (newer / ".tracehold").glob("state.db*")):
        shutil.copyfile(newer / ".tracehold" / name, older / ".tracehold" / name)
    assert _whole(load(older, environ={}), tmp_path / "scratch") < after


def test_a_clock_that_jumps_changes_no_order_and_no_state(tmp_path: Path) -> None:
    """F18: a day back, ten years ahead, back again: positions order, moments are recorded."""
    drill = Drill(tmp_path, facts=4)
    now = system_clock()
    positions = []
    for number, moment in enumerate((now - DAY, now + 3_650 * DAY, now, 1)):
        with open_services(
            drill.settings, write=True, clock=lambda moment=moment: moment
        ) as services:
            [made] = ingest(services, 1, seed=100 + number)
            services.catch_up()
            positions.append(services.journal.get(made).position)
    assert positions == sorted(positions)
    assert _whole(drill.settings, tmp_path / "scratch") == positions[-1]
