"""Roles and states: who may do what when, checked by a machine that tries everything."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from privacy_world import (
    DECISIONS,
    POLICY,
    ROLES,
    World,
    approved_case,
    digests,
    estate,
    ref,
)
from rounds import rounds

from lineage.errors import Conflict, Denied, InvalidInput, NotFound, TraceholdError
from lineage.refs import DatasetRef
from privacy.deletion.case import Case, list_cases, load_case
from privacy.deletion.draft import Choice, Erasure
from privacy.deletion.execute import execute
from privacy.deletion.files import FileEraser
from privacy.deletion.plan import Plan, plan_hash
from privacy.deletion.protocol import approve, cancel, make_plan, request
from privacy.holds import active_holds, agree_release, list_holds, place_hold

ACTORS = st.sampled_from(sorted(ROLES))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = estate(tmp_path)
    yield made
    made.close()


def requested(world: World, case: str = "case-1") -> None:
    request(
        world.desk, "p-officer", case=case, targets=[ref("customers")],
        legal_ground="GDPR Art. 17(1)(b)", reason="consent withdrawn",
    )  # fmt: skip


def open_case(world: World, case: str, target: str) -> Case:
    """A planned case of one dataset."""
    request(
        world.desk, "p-officer", case=case, targets=[ref(target)], legal_ground="law", reason="old"
    )
    return make_plan(world.desk, "p-officer", case, eraser=world.eraser, policy=POLICY)


def planned(world: World, **choices: Choice) -> Plan:
    made = make_plan(
        world.desk, "p-officer", "case-1", eraser=world.eraser, policy=POLICY,
        choices={**DECISIONS, **choices},
    ).plan  # fmt: skip
    assert made is not None
    return made


def test_a_plan_lists_files_derived_things_and_what_it_cannot_see(world: World) -> None:
    requested(world)
    plan = planned(world)
    assert [item.path for item in plan.items] == ["customers/aaaa.csv", "joined/bbbb.csv"]
    assert {one.ref: one.decision for one in plan.derived} == {
        ref("joined"): "erase",
        "model:churn@1": "retrain",
    }
    assert any("backup" in line for line in plan.unseen)
    assert load_case(world.state, world.identity, "case-1").plan_hash == plan_hash(plan)


def test_nothing_derived_is_left_without_a_decision(world: World) -> None:
    requested(world)
    case = make_plan(
        world.desk, "p-officer", "case-1", eraser=world.eraser,
        policy=Erasure({"model:churn": "retire"}),
    )  # fmt: skip
    assert case.plan is not None
    assert case.plan.undecided == (ref("joined"),)
    assert {d.ref: d.decided_by for d in case.plan.derived}["model:churn@1"] == "policy"
    with pytest.raises(Conflict, match="nobody decided"):
        approve(world.desk, "p-first", "case-1", plan_hash=case.plan_hash)


@pytest.mark.parametrize(
    "choices",
    [
        {ref("joined"): Choice("retrain")},
        {"model:churn@1": Choice("burn")},
        {"model:churn@1": Choice("keep")},
        {ref("flights"): Choice("erase")},
    ],
)
def test_an_impossible_choice_is_refused(world: World, choices: dict[str, Choice]) -> None:
    requested(world)
    with pytest.raises(InvalidInput):
        make_plan(
            world.desk, "p-officer", "case-1", eraser=world.eraser, policy=POLICY, choices=choices
        )


def test_a_hard_link_is_an_obstacle_and_blocks_the_approval(world: World) -> None:
    (world.root / "second").hardlink_to(world.data / "customers" / "aaaa.csv")
    requested(world)
    plan = planned(world)
    assert "hard link" in plan.obstacles[0].why
    with pytest.raises(Conflict, match="cannot be erased"):
        approve(world.desk, "p-first", "case-1", plan_hash=plan_hash(plan))


def test_a_copy_that_belongs_to_a_kept_dataset_is_an_obstacle(world: World) -> None:
    content = (world.data / "customers" / "aaaa.csv").read_bytes()
    world.file("twin/eeee.csv", content)
    world.emit("twin", -5, [], [world.governed("twin", "twin/eeee.csv")])
    requested(world)
    plan = planned(world)
    assert [one.path for one in plan.obstacles] == ["twin/eeee.csv"]
    assert "twin" in plan.obstacles[0].why


def test_copies_outside_the_root_are_named_and_left(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "sources" / "customers.csv"
    outside.parent.mkdir()
    outside.write_text("x")
    here = world.governed("customers", "customers/aaaa.csv")
    here["facets"]["symlinks"]["identifiers"].append(
        {"namespace": "file", "name": str(outside), "type": "LOCATION"}
    )
    world.emit("ingest2", -20, [], [here])
    requested(world)
    plan = planned(world)
    assert [one.location for one in plan.out_of_reach] == [str(outside)]
    assert outside.exists()


def test_requester_planner_stranger_and_engineer_cannot_approve(world: World) -> None:
    requested(world)
    digest = plan_hash(planned(world))
    world.roles["p-officer"] = frozenset({"privacy-officer", "approver"})
    for actor in ("p-officer", "p-engineer", "p-executor", "nobody"):
        with pytest.raises(Denied):
            approve(world.desk, actor, "case-1", plan_hash=digest)


def test_a_planner_requests_and_plans_and_does_nothing_else(world: World) -> None:
    desk, planner = world.desk, "p-planner"
    request(
        desk, planner, case="case-1", targets=[ref("customers")], legal_ground="law", reason="due"
    )
    case = make_plan(desk, planner, "case-1", eraser=world.eraser, policy=POLICY, choices=DECISIONS)
    assert case.plan is not None
    with pytest.raises(Denied):
        approve(desk, planner, "case-1", plan_hash=plan_hash(case.plan))
    with pytest.raises(Denied):
        cancel(desk, planner, "case-1", eraser=world.eraser, reason="no")
    with pytest.raises(Denied):
        place_hold(desk, planner, hold="h", scope=[ref("customers")], matter="m", reason="r")


def test_a_new_plan_voids_the_approvals_and_another_hash_is_stale(world: World) -> None:
    requested(world)
    digest = plan_hash(planned(world))
    approve(world.desk, "p-first", "case-1", plan_hash=digest)
    world.clock.now += 1
    again = plan_hash(planned(world))
    with pytest.raises(Conflict):
        approve(world.desk, "p-second", "case-1", plan_hash=digest)
    approve(world.desk, "p-second", "case-1", plan_hash=again)
    assert load_case(world.state, world.identity, "case-1").phase() == "planned"


def test_approving_twice_counts_once(world: World) -> None:
    requested(world)
    digest = plan_hash(planned(world))
    for _ in range(3):
        case = approve(world.desk, "p-first", "case-1", plan_hash=digest)
    assert case.phase() == "planned"
    assert world.kinds().count("deletion.approved/1") == 1


def test_what_is_missing_or_unknown_is_said(world: World) -> None:
    for targets, ground in (([], "law"), ([ref("customers")], " ")):
        with pytest.raises(InvalidInput):
            request(
                world.desk, "p-officer", case="c", targets=targets, legal_ground=ground, reason="r"
            )
    request(world.desk, "p-officer", case="c", targets=[ref("no")], legal_ground="l", reason="r")
    with pytest.raises(NotFound):
        make_plan(world.desk, "p-officer", "c", eraser=world.eraser, policy=POLICY)
    with pytest.raises(NotFound):
        load_case(world.state, world.identity, "none")
    with pytest.raises(Conflict):
        request(
            world.desk, "p-officer", case="c", targets=[ref("no")], legal_ground="l", reason="r"
        )


def test_a_hold_needs_two_different_people_to_be_released(world: World) -> None:
    place_hold(world.desk, "p-officer", hold="h", matter="m", reason="r", scope=[ref("customers")])
    for actor in ("p-engineer", "p-executor"):
        with pytest.raises(Denied):
            agree_release(world.desk, actor, hold="h", reason="r")
    for _ in range(2):
        assert agree_release(world.desk, "p-first", hold="h", reason="r").released is False
    world.roles["p-first"] = frozenset()
    assert agree_release(world.desk, "p-second", hold="h", reason="r").released is False
    assert agree_release(world.desk, "p-third", hold="h", reason="r").released is True
    assert active_holds(world.state) == []
    assert len(list_holds(world.state)) == 1


def test_two_cases_of_the_same_data_do_not_disturb_each_other(world: World) -> None:
    approved_case(world, "case-1")
    approved_case(world, "case-2")
    for _ in execute(
        world.desk, "p-executor", "case-1",
        eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
    ):  # fmt: skip
        pass
    with pytest.raises(Conflict):
        list(
            execute(
                world.desk, "p-executor", "case-2",
                eraser=world.eraser, signer=world.keys.signer, policy=POLICY,
            )
        )  # fmt: skip


class DeletionMachine(RuleBasedStateMachine):
    """Anybody tries anything at any time."""

    @initialize()
    def start(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.world = estate(self.root)
        self.survivor = digests(self.world.data)["flights/cccc.csv"]
        self.moved = self.purged = 0
        self.holds = 0

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()
            shutil.rmtree(self.root)

    @rule(actor=ACTORS)
    def request(self, actor: str) -> None:
        self._try(
            lambda: request(
                self.world.desk, actor, case="case-1", targets=[ref("customers")],
                legal_ground="law", reason="r", quarantine_days=0,
            )
        )  # fmt: skip

    @rule(actor=ACTORS, decided=st.booleans())
    def plan(self, actor: str, decided: bool) -> None:
        self._try(
            lambda: make_plan(
                self.world.desk, actor, "case-1", eraser=self.world.eraser, policy=POLICY,
                choices=DECISIONS if decided else {},
            )
        )  # fmt: skip

    @rule(actor=ACTORS)
    def approve(self, actor: str) -> None:
        cases = list_cases(self.world.state)
        digest = cases[0].plan_hash if cases else "0" * 64
        self._try(lambda: approve(self.world.desk, actor, "case-1", plan_hash=digest))

    @rule()
    def prepare(self) -> None:
        """The honest way, so that the later states are reached often enough."""
        self._try(lambda: approved_case(self.world))

    @rule(actor=ACTORS, steps=st.integers(1, 14))
    def execute(self, actor: str, steps: int) -> None:
        before = self.world.kinds()
        held = bool(active_holds(self.world.state))

        def some() -> None:
            run = execute(
                self.world.desk, actor, "case-1", eraser=self.world.eraser,
                signer=self.world.keys.signer, policy=POLICY,
            )  # fmt: skip
            for _, _step in zip(range(steps), run, strict=False):
                pass

        self._try(some)
        new = self.world.kinds()[len(before) :]
        effects = {"deletion.quarantined/1", "deletion.purged/1"} & set(new)
        assert not (held and effects), "nothing moves while a hold is in force"
        if effects:
            assert "executor" in ROLES[actor]
            self._approved_by_two_others(actor)

    def _approved_by_two_others(self, executor: str) -> None:
        case = load_case(self.world.state, self.world.identity, "case-1")
        apart = {case.requester, case.planner, executor}
        good = {
            a.actor
            for a in case.approvals
            if a.plan_hash == case.plan_hash and "approver" in ROLES[a.actor]
        }
        assert len(good - apart) >= 2
        assert case.plan is not None
        assert not case.plan.undecided

    @rule(actor=ACTORS, on=st.sampled_from(["customers", "joined", "flights"]))
    def hold(self, actor: str, on: str) -> None:
        self.holds += 1
        self._try(
            lambda: place_hold(
                self.world.desk, actor, hold=f"h{self.holds}", matter="m", reason="r",
                scope=[ref(on)],
            )
        )  # fmt: skip

    @rule(actor=ACTORS)
    def release(self, actor: str) -> None:
        for hold in active_holds(self.world.state):
            self._try(lambda h=hold: agree_release(self.world.desk, actor, hold=h.hold, reason="r"))

    @rule(hours=st.integers(0, 80))
    def wait(self, hours: int) -> None:
        self.world.clock.now += hours * 3_600_000

    @rule()
    def restart(self) -> None:
        self.world.reopen()

    @rule(actor=ACTORS)
    def cancel(self, actor: str) -> None:
        self._try(
            lambda: cancel(self.world.desk, actor, "case-1", eraser=self.world.eraser, reason="r")
        )

    def _try(self, act: Callable[[], object]) -> None:
        with suppress(TraceholdError):
            act()

    @invariant()
    def survivors_are_untouched(self) -> None:
        if hasattr(self, "world"):
            assert digests(self.world.data)["flights/cccc.csv"] == self.survivor

    @invariant()
    def at_most_one_certificate_and_only_when_nothing_is_left(self) -> None:
        if not hasattr(self, "world"):
            return
        issued = self.world.kinds().count("deletion.certified/1")
        assert issued <= 1
        if issued:
            assert list(digests(self.world.data)) == ["flights/cccc.csv"]

    @invariant()
    def no_file_is_lost_before_it_is_purged(self) -> None:
        if not hasattr(self, "world"):
            return
        purged = self.world.kinds().count("deletion.purged/1")
        assert len(digests(self.world.data)) == 3 - purged


TestDeletionMachine = DeletionMachine.TestCase
TestDeletionMachine.settings = settings(
    max_examples=rounds(usual=25, campaign=1_000), stateful_step_count=20, deadline=None
)


def test_a_dataset_inside_the_folder_of_a_target_is_an_obstacle(world: World) -> None:
    world.file("crm/a.csv", "a\n")
    world.file("crm/kept.csv", "kept\n")
    world.emit("load_kept", -20, [], [world.governed("kept", "crm/kept.csv")])
    world.emit("load", -19, [], [world.governed("whole", "crm")])
    place_hold(world.desk, "p-officer", hold="H-1", matter="M", reason="suit", scope=[ref("kept")])
    planned = open_case(world, "case-9", "whole")
    assert planned.plan is not None
    assert [item.path for item in planned.plan.items] == ["crm/a.csv"]
    assert [one.path for one in planned.plan.obstacles] == ["crm/kept.csv"]
    with pytest.raises(Conflict, match="belongs to"):
        approve(world.desk, "p-first", "case-9", plan_hash=planned.plan_hash)


def test_a_copy_that_a_held_dataset_keeps_is_an_obstacle_below_a_linked_root_too(
    world: World,
) -> None:
    world.data = world.root / "linked"
    world.data.symlink_to(world.root / "data")
    world.eraser = FileEraser(world.data)
    world.file("same/a.csv", "same\n")
    world.file("same/kept.csv", "same\n")
    world.emit("load_kept", -20, [], [world.governed("kept", "same/kept.csv")])
    world.emit("load", -19, [], [world.governed("other", "same/a.csv")])
    place_hold(world.desk, "p-officer", hold="H-1", matter="M", reason="suit", scope=[ref("kept")])
    planned = open_case(world, "case-9", "other")
    assert planned.plan is not None
    assert [item.path for item in planned.plan.items] == ["same/a.csv"]
    assert [one.path for one in planned.plan.obstacles] == ["same/kept.csv"]


def test_a_case_whose_file_was_moved_before_the_process_died_is_not_replanned(
    world: World,
) -> None:
    case = approved_case(world)
    plan = load_case(world.state, world.identity, case).plan
    assert plan is not None
    world.eraser.quarantine(case, 0, plan.items[0])
    with pytest.raises(Conflict, match="have been moved"):
        make_plan(
            world.desk, "p-officer", case, eraser=world.eraser, policy=POLICY, choices=DECISIONS
        )
    cancel(world.desk, "p-officer", case, eraser=world.eraser, reason="begun by mistake")
    assert (world.data / plan.items[0].path).exists()


def test_a_folder_s_own_source_goes_with_it_and_a_hold_on_the_source_stops_both(
    world: World,
) -> None:
    landing = world.file("whole/landing/raw.csv", "raw\n")
    world.file("whole/a.csv", "a\n")
    source = {"namespace": "file", "name": str(landing), "facets": {}}
    world.emit("load", -20, [source], [world.governed("whole", "whole")])
    plan = open_case(world, "case-9", "whole").plan
    assert plan is not None
    assert [item.path for item in plan.items] == ["whole/a.csv", "whole/landing/raw.csv"]
    assert not plan.obstacles
    place_hold(
        world.desk, "p-officer", hold="H-1", matter="M", reason="suit",
        scope=[str(DatasetRef("file", str(landing)))],
    )  # fmt: skip
    with pytest.raises(Conflict, match="hold"):
        open_case(world, "case-10", "whole")
