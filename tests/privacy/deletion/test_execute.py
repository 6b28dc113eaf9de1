"""Executions that are killed, held, or meet a changed world."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from privacy_world import (
    CANARY,
    CUSTOMERS,
    DAY,
    POLICY,
    World,
    approved_case,
    digests,
    estate,
    ref,
)
from rounds import rounds

from lineage.errors import Conflict, Denied, NegativeVerdict, TraceholdError
from lineage.facts import Receipt
from lineage.refs import DatasetRef
from privacy.deletion.case import load_case
from privacy.deletion.certificate import verify_certificate
from privacy.deletion.execute import execute, resume
from privacy.deletion.protocol import approve, cancel, make_plan, request
from privacy.deletion.tombstones import check, refuse_return
from privacy.errors import ContentReturned, HoldInForce, Leftover, StalePlan
from privacy.holds import agree_release, place_hold
from privacy.queries import certificate, certificates, incidents

RECORDS = 12
"""Facts that the execution of this estate leaves: 2 moved, 2 purged, 2 tombstones, 4 purged
names, verified, certified."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = estate(tmp_path)
    yield made
    made.close()


def run(world: World, case: str = "case-1") -> Any:
    return resume(
        world.desk, "p-executor", case, eraser=world.eraser, signer=world.keys.signer, policy=POLICY
    )


def assert_finished(world: World) -> None:
    kinds = world.kinds()
    assert kinds.count("deletion.certified/1") == 1
    assert kinds.count("tombstone.laid/1") == 2
    for kind in ("deletion.quarantined/1", "deletion.purged/1"):
        assert kinds.count(kind) == 2
    assert list(digests(world.data)) == ["flights/cccc.csv"]
    (issued,) = certificates(world.state)
    fields = verify_certificate(issued.note, world.keys.verifier_key)
    assert [item["location"] for item in fields["items"]] == [
        "customers/aaaa.csv",
        "joined/bbbb.csv",
    ]
    assert not (world.data / ".quarantine" / "case-1").exists()


def test_an_approved_case_ends_in_one_certificate_and_survivors_are_untouched(world: World) -> None:
    before = digests(world.data)["flights/cccc.csv"]
    approved_case(world)
    assert run(world).phase() == "certified"
    assert_finished(world)
    assert digests(world.data)["flights/cccc.csv"] == before
    assert run(world).phase() == "certified"
    assert_finished(world)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", range(RECORDS))
@pytest.mark.parametrize("stage", ["effect done, fact missing", "fact recorded"])
def test_an_execution_that_dies_at_any_fact_resumes_to_one_certificate(
    world: World, point: int, stage: str
) -> None:
    approved_case(world)
    count = iter(range(1000))

    def record(actor: str, kind: str, body: msgspec.Struct, stream: str | None) -> Receipt:
        now = next(count)
        if now == point and stage == "effect done, fact missing":
            raise Killed
        receipt = world.record(actor, kind, body, stream)
        if now == point:
            raise Killed
        return receipt

    dying = world.make_desk(record)
    with pytest.raises(Killed):
        resume(
            dying, "p-executor", "case-1",
            eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
        )  # fmt: skip
    world.reopen()
    assert run(world).phase() == "certified"
    assert_finished(world)


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{repo!r}, {support!r}]
from privacy_world import POLICY, World
from privacy.deletion.execute import execute
world = World(Path({root!r}))
steps = execute(world.desk, "p-executor", "case-1",
                eraser=world.eraser, signer=world.keys.signer, policy=POLICY)
for number, step in enumerate(steps):
    if number == {point}:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("point", range(0, 12, 3))
def test_a_process_that_is_killed_between_steps_resumes_in_the_next_one(
    world: World, point: int
) -> None:
    approved_case(world)
    world.close()
    repo = Path(__file__).parents[3]
    code = _KILLED.format(
        repo=str(repo), support=str(repo / "tests" / "support"), root=str(world.root), point=point
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    world._open()
    assert run(world).phase() == "certified"
    assert_finished(world)


@pytest.mark.parametrize("point", range(11))
def test_a_hold_placed_at_any_step_wins_and_the_case_goes_on_once_it_is_released(
    world: World, point: int
) -> None:
    approved_case(world)
    steps = execute(
        world.desk, "p-executor", "case-1",
        eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
    )  # fmt: skip
    for _ in range(point):
        next(steps)
    phase = load_case(world.state, world.identity, "case-1").phase()
    place_hold(
        world.desk, "p-officer", hold="h1", matter="AZ 7", reason="claim", scope=[ref("customers")]
    )
    before = digests(world.data)
    if phase in {"verified", "certified"}:
        assert [step.action for step in steps][-1] == "certify"
        return
    with pytest.raises(HoldInForce):
        list(steps)
    assert digests(world.data) == before
    with pytest.raises(HoldInForce):
        run(world)
    assert load_case(world.state, world.identity, "case-1").blocked
    assert world.kinds().count("deletion.blocked/1") == 1
    agree_release(world.desk, "p-officer", hold="h1", reason="settled")
    with pytest.raises(HoldInForce):
        run(world)
    agree_release(world.desk, "p-first", hold="h1", reason="settled")
    assert run(world).phase() == "certified"
    assert_finished(world)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(rounds(usual=8, campaign=500)))
def test_no_step_follows_a_hold_in_the_journal_whoever_is_faster(world: World, seed: int) -> None:
    approved_case(world)
    ready, go = threading.Event(), threading.Event()

    def hold() -> None:
        desk = world.make_desk()
        ready.set()
        go.wait()
        place_hold(
            desk, "p-officer", hold="h1", matter="AZ 7", reason="claim", scope=[ref("customers")]
        )

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    with suppress(HoldInForce):
        for number, _ in enumerate(
            execute(
                world.desk, "p-executor", "case-1",
                eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
            )
        ):  # fmt: skip
            if number == seed:
                go.set()
    go.set()
    thread.join()
    kinds = world.kinds()
    after = kinds[kinds.index("hold.placed/1") :]
    assert not {"deletion.quarantined/1", "deletion.purged/1"} & set(after)


def test_a_hold_on_what_something_was_made_from_covers_it_and_one_beside_does_not(
    world: World,
) -> None:
    scope = ["dataset:[file]/elsewhere/customers.csv"]
    place_hold(world.desk, "p-officer", hold="up", matter="m", reason="r", scope=scope)
    with pytest.raises(HoldInForce):
        approved_case(world)
    agree_release(world.desk, "p-officer", hold="up", reason="r")
    agree_release(world.desk, "p-first", hold="up", reason="r")
    place_hold(
        world.desk, "p-officer", hold="beside", matter="m", reason="r", scope=["model:churn@1"]
    )
    approved_case(world, "case-2")
    assert run(world, "case-2").phase() == "certified"


@pytest.mark.parametrize("change", ["content", "copy", "derived"])
def test_files_or_lineage_that_changed_after_the_approval_stop_the_first_step(
    world: World, change: str
) -> None:
    approved_case(world)
    if change == "content":
        world.file("customers/aaaa.csv", "id,email\n3,new@example.org\n")
    elif change == "copy":
        world.file("elsewhere/copy.csv", CUSTOMERS)
    else:
        extra = world.governed("extra", "extra/dddd.csv")
        world.emit("extra", -1, [world.governed("joined", "joined/bbbb.csv")], [extra])
    before = digests(world.data)
    with pytest.raises(StalePlan):
        run(world)
    assert digests(world.data) == before


def test_a_copy_under_another_name_is_part_of_the_plan(world: World) -> None:
    world.file("backup of customers.csv", CUSTOMERS)
    approved_case(world)
    plan = load_case(world.state, world.identity, "case-1").plan
    assert plan is not None
    found = {item.path: item.found_by for item in plan.items}
    assert found["backup of customers.csv"] == "content"
    run(world)
    assert CANARY.encode() not in b"".join(
        path.read_bytes() for path in world.data.rglob("*") if path.is_file()
    )


def test_quarantine_lasts_its_days_and_the_approvals_carry_it_through(world: World) -> None:
    approved_case(world, days=7)
    assert run(world).phase() == "quarantined"
    world.clock.now += 6 * DAY
    assert run(world).phase() == "quarantined"
    world.clock.now += DAY
    assert run(world).phase() == "certified"


def test_an_approval_that_expired_or_lost_its_role_does_not_count(world: World) -> None:
    approved_case(world)
    world.roles["p-second"] = frozenset()
    with pytest.raises(Conflict, match="approvals"):
        run(world)
    world.roles["p-second"] = frozenset({"approver"})
    world.clock.now += 72 * 3_600_000
    with pytest.raises(StalePlan):
        run(world)
    assert len(digests(world.data)) == 3


def test_a_clock_that_goes_back_stops_the_execution(world: World) -> None:
    approved_case(world)
    world.clock.now -= 1
    with pytest.raises(Conflict, match="clock"):
        run(world)


def test_only_an_executor_carries_out_and_never_an_approver(world: World) -> None:
    approved_case(world)
    for actor in ("p-officer", "p-engineer", "nobody"):
        with pytest.raises(Denied):
            list(
                execute(
                    world.desk, actor, "case-1",
                    eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
                )
            )  # fmt: skip
    world.roles["p-first"] = frozenset({"approver", "executor"})
    with pytest.raises(Conflict, match="approvals"):
        list(
            execute(
                world.desk, "p-first", "case-1",
                eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
            )
        )  # fmt: skip
    assert len(digests(world.data)) == 3


def test_a_copy_written_during_the_quarantine_is_found_by_the_second_reading(world: World) -> None:
    approved_case(world)
    steps = execute(
        world.desk, "p-executor", "case-1",
        eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
    )  # fmt: skip
    next(steps)
    world.file("restored/from-backup.csv", CUSTOMERS)
    with pytest.raises(Leftover):
        list(steps)
    assert certificates(world.state) == []
    (world.data / "restored" / "from-backup.csv").unlink()
    assert run(world).phase() == "certified"


def test_a_cancelled_case_puts_every_file_back(world: World) -> None:
    before = digests(world.data)
    approved_case(world, days=7)
    run(world)
    case = cancel(world.desk, "p-officer", "case-1", eraser=world.eraser, reason="withdrawn")
    assert case.phase() == "cancelled"
    assert digests(world.data) == before
    with pytest.raises(Conflict):
        run(world)
    assert certificates(world.state) == []


def test_deleted_content_that_comes_back_is_an_incident_and_is_refused(world: World) -> None:
    import hashlib

    sha256 = hashlib.sha256(CUSTOMERS.encode()).hexdigest()
    refuse_return(world.desk, "p-engineer", ref=ref("customers"), sha256=sha256)
    approved_case(world)
    run(world)
    world.reopen()
    assert check(world.state, world.identity, sha256) is not None
    for _ in range(2):
        with pytest.raises(ContentReturned):
            refuse_return(world.desk, "p-engineer", ref=ref("customers"), sha256=sha256)
    (incident,) = incidents(world.state)
    assert (incident.case, incident.ref) == ("case-1", ref("customers"))
    assert check(world.state, world.identity, "0" * 64) is None


def test_any_changed_byte_of_a_certificate_is_noticed(world: World) -> None:
    approved_case(world)
    run(world)
    note = certificate(world.state, world.identity, "case-1").note
    vkey = world.keys.verifier_key
    raw = note.encode()
    for at in range(0, len(raw), 37):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(TraceholdError):
            verify_certificate(changed.decode(errors="replace"), vkey)
    with pytest.raises(NegativeVerdict):
        verify_certificate("", vkey)


def test_no_value_is_in_facts_state_or_certificate(world: World) -> None:
    approved_case(world)
    run(world)
    assert CANARY not in certificate(world.state, world.identity, "case-1").note
    world.journal.checkpoint()
    for path in (world.root / ".tracehold").rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_the_certificate_holds_where_a_third_approver_carried_it_out(world: World) -> None:
    case = approved_case(world)
    digest = load_case(world.state, world.identity, case).plan_hash
    approve(world.desk, "p-third", case, plan_hash=digest)
    world.roles["p-third"] = frozenset({"executor"})
    done = resume(
        world.desk, "p-third", case, eraser=world.eraser, signer=world.keys.signer, policy=POLICY
    )
    fields = verify_certificate(done.slots["certified"].value["note"], world.keys.verifier_key)
    assert {one["approver"] for one in fields["approvals"]} == {"p-first", "p-second"}
    assert fields["executors"] == ["p-third"]


def test_no_name_of_a_thing_with_a_copy_out_of_reach_is_called_purged(world: World) -> None:
    stays = {"namespace": "file", "name": "/elsewhere/notes.csv", "type": "LOCATION"}
    notes = world.governed("notes", "notes/dddd.csv")
    notes["facets"]["symlinks"]["identifiers"].append(stays)
    world.file("notes/dddd.csv", "n\n")
    world.emit("load_notes", -20, [], [notes])
    request(
        world.desk, "p-officer", case="case-2", targets=[ref("notes")], legal_ground="law",
        reason="old", quarantine_days=0,
    )  # fmt: skip
    plan = make_plan(world.desk, "p-officer", "case-2", eraser=world.eraser, policy=POLICY)
    for approver in ("p-first", "p-second"):
        approve(world.desk, approver, "case-2", plan_hash=plan.plan_hash)
    run(world, "case-2")
    purged = [getattr(body, "ref", "") for kind, body in world.recorded if "dataset" in kind]
    assert purged == [str(DatasetRef("file", str(world.data / "notes/dddd.csv")))]
