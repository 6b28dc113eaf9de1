from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from catalog_world import DAY, MINUTE, NS, START, World, data, model

from catalog.errors import BadManifest
from catalog.events import LicenseConcluded, WaiverEnded
from catalog.facets import terms_facet
from lineage.facts import Draft, Entity, Fact, FactType, Point
from lineage.graph.port import Limits


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def two_sources(world: World, flights: str = "CC0-1.0", loyalty: str = "CC-BY-NC-4.0") -> None:
    """flights and loyalty → set → m@1, each source ingested from a file."""
    world.emit("in1", [data("/f", flights, namespace="file")], [data("flights", flights)], -90)
    world.emit("in2", [data("/l", loyalty, namespace="file")], [data("loyalty", loyalty)], -80)
    world.emit("join", [data("flights"), data("loyalty")], [data("set")], -70)
    world.emit("train", [data("set")], [model()], -60)


def test_a_conflict_names_the_source_and_the_path_from_it(world: World) -> None:
    two_sources(world)
    judged = world.judge(use="train-for-release", known_at=world.state.position())
    assert judged.verdict == "denied"
    assert not judged.passes
    (reason,) = judged.blocking
    assert reason.code == "non-commercial"
    assert reason.path == (
        "dataset:[file]/l",
        f"dataset:[{NS}]loyalty",
        f"dataset:[{NS}]set",
        "model:m@1",
    )
    assert judged.path == reason.path
    assert reason.ref == "dataset:[file]/l"
    assert "dataset:[file]/l → " in str(reason)


def test_a_judgement_stores_everything_it_rests_on(world: World) -> None:
    two_sources(world)
    judged = world.judge(known_at=7)
    assert judged.as_of == START
    assert judged.known_at == 7
    assert judged.policy_digest == "d" * 64
    assert judged.fold_version == world.state.fold_version()
    assert judged.use == "train-for-release"
    assert judged.subject == "model:m@1"
    assert len(judged.facts) == 2
    assert all(world.journal.get(fact) for fact in judged.facts)
    assert "CC-BY-NC-4.0: give credit to the licensors" in judged.obligations
    assert world.judge(known_at=7) == judged


def test_without_the_restricted_source_the_model_is_allowed(world: World) -> None:
    two_sources(world, loyalty="CC-BY-4.0")
    judged = world.judge()
    assert judged.verdict == "allowed"
    assert judged.passes
    assert judged.reasons == ()
    assert judged.path == ()


def test_evaluation_may_use_what_a_release_may_not(world: World) -> None:
    two_sources(world)
    assert world.judge(use="evaluate").verdict == "allowed"
    assert world.judge(use="train-internal").verdict == "denied"


def test_a_source_without_a_license_is_unknown_and_blocks(world: World) -> None:
    world.emit("train", [data("set"), data("free", "MIT")], [model()])
    judged = world.judge()
    assert judged.verdict == "unknown"
    (reason,) = judged.reasons
    assert (reason.code, reason.weight) == ("no-license", "unknown")
    assert reason.path == (f"dataset:[{NS}]set", "model:m@1")
    assert not judged.passes


def test_a_derived_dataset_inherits_and_needs_no_license_of_its_own(world: World) -> None:
    world.emit("derive", [data("a", "CC0-1.0")], [data("b")], -90)
    world.emit("train", [data("b")], [model()], -60)
    assert world.judge().verdict == "allowed"


@pytest.mark.parametrize("said", ["NOASSERTION", "LicenseRef-nobody-knows", "made up by someone ("])
def test_a_license_that_is_not_known_blocks(world: World, said: str) -> None:
    world.emit("train", [data("set", said)], [model()])
    judged = world.judge()
    assert judged.verdict == "unknown"
    assert [reason.code for reason in judged.reasons] == ["unknown-license"]


def test_a_model_without_recorded_training_data_is_unknown(world: World) -> None:
    world.emit("train", [], [model()])
    judged = world.judge()
    assert judged.verdict == "unknown"
    assert [reason.code for reason in judged.reasons] == ["no-lineage"]


def test_a_concluded_license_beats_the_declared_one(world: World) -> None:
    two_sources(world)
    for ref in (f"dataset:[{NS}]loyalty", "dataset:[file]/l"):
        world.record(LicenseConcluded(ref, "CC-BY-4.0", "contract of 3 May"), actor="p-officer")
    judged = world.judge()
    assert judged.verdict == "allowed"
    assert "CC-BY-4.0: give credit to the licensors" in judged.obligations


def test_a_conclusion_on_one_copy_does_not_free_the_other(world: World) -> None:
    two_sources(world)
    world.record(LicenseConcluded(f"dataset:[{NS}]loyalty", "CC0-1.0", "seen"))
    assert world.judge().verdict == "denied"


@pytest.mark.parametrize(("mode", "verdict"), [("append", "denied"), ("overwrite", "allowed")])
def test_appended_content_binds_and_overwritten_content_does_not(
    world: World, mode: str, verdict: str
) -> None:
    written = data("set", tracehold_terms=terms_facet(write_mode=mode))
    world.emit("write", [data("bad", "CC-BY-NC-4.0")], [written], -90)
    world.emit("write", [data("good", "CC0-1.0")], [written], -80)
    world.emit("train", [data("set")], [model()], -60)
    assert world.judge().verdict == verdict


def test_a_file_read_by_its_path_is_the_dataset_it_holds(world: World) -> None:
    governed = data("loyalty", alias="/data/l.parquet")
    world.emit("in", [data("src", "CC-BY-NC-4.0")], [governed], -90)
    world.emit("train", [data("/data/l.parquet", namespace="file")], [model()], -60)
    judged = world.judge()
    assert judged.verdict == "denied"
    assert judged.path[0] == f"dataset:[{NS}]src"
    assert judged.path[-1] == "model:m@1"
    assert [reason.code for reason in judged.reasons] == ["non-commercial"]


def test_share_alike_conflicts_name_both_sources(world: World) -> None:
    two_sources(world, "CC-BY-SA-4.0", "CC-BY-NC-SA-4.0")
    clash = [r for r in world.judge().blocking if r.code == "share-alike"]
    assert {r.ref for r in clash} == {"dataset:[file]/f", "dataset:[file]/l"}


def test_a_truncated_trace_is_never_allowed(world: World) -> None:
    two_sources(world, loyalty="MIT")
    judged = world.judge(limits=Limits(depth=1))
    assert judged.verdict == "unknown"
    assert "incomplete" in {reason.code for reason in judged.reasons}
    world.waive()
    assert not world.judge(limits=Limits(depth=1), use="evaluate").passes


def test_a_waiver_opens_the_gate_and_leaves_the_verdict(world: World) -> None:
    two_sources(world)
    receipt = world.waive("license/non-commercial")
    judged = world.judge()
    assert judged.verdict == "denied"
    assert judged.passes
    assert judged.waivers == ("w1",)
    assert receipt.fact_id in judged.facts


def test_a_waiver_covers_only_its_scope_its_time_and_its_model(world: World) -> None:
    two_sources(world)
    world.waive("license/share-alike")
    assert not world.judge().passes
    world.waive("license", "w2", days=1)
    assert world.judge().passes
    world.clock.now += DAY
    assert not world.judge().passes
    world.waive("license", "w3")
    assert world.judge().passes
    world.record(WaiverEnded("w3", "m", "1", "changed our mind"))
    assert not world.judge().passes
    world.emit("train2", [data("set")], [model(version="2")], -50)
    world.waive("license", "w4")
    assert not world.judge(version="2").passes


def test_a_waiver_granted_later_does_not_reach_back(world: World) -> None:
    two_sources(world)
    world.clock.now += 10 * MINUTE
    world.waive()
    assert world.judge().passes
    assert not world.judge(as_of=START).passes


def test_what_is_unknown_can_be_waived_for_evaluation_and_never_for_release(world: World) -> None:
    world.emit("train", [data("set")], [model()])
    world.waive()
    assert world.judge(use="evaluate").passes
    assert not world.judge(use="train-for-release").passes


def test_a_gate_judges_a_model_before_it_exists(world: World) -> None:
    world.emit("join", [data("src", "CC-BY-NC-4.0")], [data("set")], -70)
    judged = world.judge(inputs=[world.key("set")], subject="model:m@1")
    assert judged.verdict == "denied"
    assert judged.subject == "model:m@1"
    assert judged.path == (f"dataset:[{NS}]src", f"dataset:[{NS}]set", "model:m@1")
    world.waive()
    assert world.judge(inputs=[world.key("set")], subject="model:m@1").passes


def test_as_of_an_earlier_day_a_later_source_does_not_count(world: World) -> None:
    two_sources(world, loyalty="MIT")
    world.emit("more", [data("late", "CC-BY-ND-4.0")], [data("set")], -10)
    assert world.judge().verdict == "allowed"  # it was trained before
    world.emit("train", [data("set")], [model()], -5)
    assert world.judge().verdict == "denied"
    assert world.judge(as_of=START - 6 * MINUTE).verdict == "allowed"


def overwriting(name: str, expression: str = "") -> dict[str, Any]:
    return data(name, expression, tracehold_terms=terms_facet(write_mode="overwrite"))


@pytest.mark.parametrize(("loyalty", "verdict"), [("CC-BY-NC-4.0", "denied"), ("MIT", "allowed")])
def test_a_verdict_stands_when_training_set_and_source_are_overwritten(
    world: World, loyalty: str, verdict: str
) -> None:
    other = "MIT" if verdict == "denied" else "CC-BY-NC-4.0"
    two_sources(world, loyalty=loyalty)
    before = world.judge()
    assert before.verdict == verdict
    world.emit("in2", [data("/new", other, namespace="file")], [overwriting("loyalty", other)], -50)
    world.emit("join", [data("loyalty")], [overwriting("set")], -40)
    after = world.judge()
    assert (after.verdict, after.reasons) == (before.verdict, before.reasons)
    world.emit("train", [data("set")], [model(version="2")], -30)
    assert world.judge(version="2").verdict == ("allowed" if verdict == "denied" else "denied")


def test_a_verdict_stands_when_training_set_and_sources_are_purged(tmp_path: Path) -> None:
    class Purged(msgspec.Struct, frozen=True):
        name: str

    def points(fact: Fact, body: Purged, _: object) -> list[Point]:
        subject = Entity("Dataset", (NS, body.name))
        return [Point(subject, "purged", {"case": "c"}, time=fact.valid_time or 0)]

    world = World(tmp_path, more_facts=(FactType("test.purged/1", Purged, points),))
    two_sources(world)
    before = world.judge()
    for name in ("flights", "loyalty", "set"):
        body = msgspec.json.encode(Purged(name))
        when = START - 10 * MINUTE
        world.journal.append([Draft("test.purged/1", "p", body, valid_time=when)])
    world.catch_up()
    after = world.judge()
    assert (after.verdict, after.reasons) == ("denied", before.reasons)
    assert after.path == (
        "dataset:[file]/l",
        f"dataset:[{NS}]loyalty",
        f"dataset:[{NS}]set",
        "model:m@1",
    )
    world.close()


def test_what_is_concluded_later_counts_for_content_that_is_still_there(world: World) -> None:
    two_sources(world)
    world.emit("in2", [], [overwriting("loyalty", "MIT")], -50)
    concluded = LicenseConcluded(f"dataset:[{NS}]loyalty", "CC-BY-4.0", "a contract")
    world.record(concluded)
    world.record(LicenseConcluded("dataset:[file]/l", "CC-BY-4.0", "a contract"))
    (reason,) = world.judge().blocking
    assert reason.ref == f"dataset:[{NS}]loyalty"  # the conclusion is of what replaced it


def test_a_loop_in_the_lineage_ends(world: World) -> None:
    world.emit("a", [data("one", "CC-BY-NC-4.0")], [data("two", "CC-BY-NC-4.0")], -90)
    world.emit("b", [data("two", "CC-BY-NC-4.0")], [data("one", "CC-BY-NC-4.0")], -80)
    world.emit("train", [data("two")], [model()], -60)
    (reason,) = world.judge().blocking
    assert reason.path[-1] == "model:m@1"


def test_a_dataset_can_be_judged_as_a_database(world: World) -> None:
    world.emit("join", [data("a", "ODbL-1.0"), data("b", "CC-BY-SA-4.0")], [data("set")], -70)
    from catalog.licenses.verdict import license_verdict

    judged = license_verdict(
        world.state.graph,
        world.state,
        world.identity,
        world.key("set"),
        as_of=START,
        policy=world.policy,
    )
    assert judged.subject == f"dataset:[{NS}]set"
    assert [reason.code for reason in judged.reasons] == ["share-alike", "share-alike"]


def test_an_unknown_use_says_which_there_are(world: World) -> None:
    with pytest.raises(BadManifest) as caught:
        world.judge(use="train-for-relase")
    assert caught.value.advice == "did you mean train-for-release?"
