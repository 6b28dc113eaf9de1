"""A guarded asset runs where the server allows it, and never otherwise."""

# Dagster compares annotations, so they stay objects here.
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from guarded_project import FREE, NONCOMMERCIAL, Project, failure_of, licensed, served
from running_server import RunningServer

from tracehold_dagster import guarded
from tracehold_dagster.errors import Misconfigured
from tracehold_dagster.gates import Passed, passed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with served(tmp_path_factory.mktemp("guarded")) as running:
        yield running


def made(name: str, license_: str) -> dg.AssetsDefinition:
    @dg.asset(name=name)
    def source() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=licensed(license_))

    return source


def model_of(project: Project, name: str, source: str, **more: Any) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=[source])
    def model(context: dg.AssetExecutionContext) -> None:
        project.ran.append(name)

    return guarded(model, gates=["license"], **more)


def test_an_asset_whose_input_is_free_runs_and_says_so_in_dagster(project: Project) -> None:
    model = model_of(project, "open_model", "open")
    result = project.materialize([made("open", FREE), model])
    assert result.success
    assert project.ran == ["open_model"]
    [done] = result.asset_materializations_for_node("open_model")
    assert done.metadata["tracehold/gate"].value["outcome"] == "passed"
    [row] = done.metadata["tracehold/gates"].records
    assert row.data == {"gate": "license", "outcome": "passed"}


def test_a_refused_asset_runs_neither_in_that_run_nor_alone_until_it_is_waived(
    project: Project,
) -> None:
    assets = [made("closed", NONCOMMERCIAL), model_of(project, "closed_model", "closed")]
    together = project.materialize(assets)
    alone = project.materialize(assets, only=["closed_model"])
    for result in (together, alone):
        assert not result.success
        failed = failure_of(result, "closed_model")
        assert "does not allow commercial use" in str(failed.error)
        assert failed.error.cls_name == "GateClosed"
        told = failed.user_failure_data.metadata
        assert list(told)[:2] == ["tracehold/gates", "tracehold/causes"]
        causes = told["tracehold/causes"].records
        assert causes[0].data["path"] == "dataset:[shop]closed → dataset:[shop]closed_model"
    assert project.ran == []

    waiver = project.waive("closed_model", "license/non-commercial")
    waived = project.materialize(assets, only=["closed_model"])
    assert waived.success
    assert project.ran == ["closed_model"]
    [done] = waived.asset_materializations_for_node("closed_model")
    assert done.metadata["tracehold/gate"].value["waiver"] == waiver
    project.report(waived)
    shown = project.trace("dataset:[shop]closed_model")
    [node] = [one for one in shown["nodes"] if one["ref"] == "dataset:[shop]closed_model"]
    assert waiver in str(node)
    assert "use waived" in str(node)


def test_a_server_that_does_not_answer_closes_the_gate_unless_the_last_verdict_still_holds(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made("graced", FREE)
    assets = [
        source,
        model_of(project, "strict_model", "graced"),
        model_of(project, "graced_model", "graced", grace=3600.0),
    ]
    assert project.materialize(assets).success
    monkeypatch.setenv("TRACEHOLD_URL", "http://127.0.0.1:9")
    project.ran.clear()
    result = project.materialize(assets, only=["strict_model", "graced_model"])
    assert project.ran == ["graced_model"]
    assert "tracehold up" in str(failure_of(result, "strict_model").error)
    # Other versions than those of the verdict have none.
    project.materialize(assets, only=["graced"])
    project.ran.clear()
    project.materialize(assets, only=["graced_model"])
    assert project.ran == []


def test_the_code_behind_a_guard_knows_what_was_judged(project: Project) -> None:
    seen: list[Passed | None] = []

    @dg.asset(name="knowing", deps=["known"])
    def knowing() -> None:
        seen.append(passed())

    result = project.materialize([made("known", FREE), guarded(knowing, gates=["license"])])
    assert result.success
    [source] = result.asset_materializations_for_node("known")
    assert seen[0] is not None
    assert [(one.name, one.version) for one in seen[0].reads] == [
        ("known", source.tags["dagster/data_version"])
    ]
    assert passed() is None


class Size(dg.Config):
    """How many rows to say that there are."""

    rows: int = 3


def shapes(project: Project) -> tuple[dg.AssetsDefinition, ...]:
    """An asset of days, and assets of every shape that read it, one after the other."""
    days = dg.StaticPartitionsDefinition(["mon", "tue"])

    @dg.asset(partitions_def=days)
    def daily(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        version = dg.DataVersion(f"{context.partition_key}-1")
        return dg.MaterializeResult(metadata=licensed(FREE), data_version=version)

    @dg.asset(partitions_def=days, deps=[daily])
    def next_day(context: dg.AssetExecutionContext) -> None:
        project.ran.append(f"next_day {context.partition_key}")

    @dg.asset(deps=[daily])
    def all_days(context: dg.AssetExecutionContext, config: Size) -> int:
        project.ran.append("all_days")
        return config.rows

    @dg.multi_asset(
        specs=[dg.AssetSpec("left", deps=[daily]), dg.AssetSpec("right", skippable=True)],
        can_subset=True,
    )
    def both(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        for key in sorted(context.selected_asset_keys):
            project.ran.append(key.to_user_string())
            yield dg.MaterializeResult(asset_key=key, metadata={"mine": 1})

    @dg.asset
    async def waiting(all_days: int) -> None:
        project.ran.append(f"waiting {all_days}")

    @dg.op
    def double(number: int) -> int:
        return number * 2

    @dg.op
    def told(number: int) -> int:
        project.ran.append(f"graphed {number}")
        return number

    @dg.graph_asset
    def graphed(all_days: int) -> int:
        return told(double(all_days))

    return daily, next_day, all_days, both, waiting, graphed


def test_assets_of_every_shape_are_guarded_and_work_as_before(project: Project) -> None:
    daily, *plain = shapes(project)
    behind = [guarded(one, gates=["license"]) for one in plain]
    for one, before in zip(behind, plain, strict=True):
        assert (one.keys, one.asset_deps) == (before.keys, before.asset_deps)
    for day in ("mon", "tue"):
        assert project.materialize([daily, behind[0]], partition_key=day).success
    assert project.materialize([daily, *behind[1:]], only=["all_days"]).success
    only = ["left", "waiting", "graphed"]
    result = project.materialize([daily, *behind[1:]], only=only)
    assert result.success
    ran = ["next_day mon", "next_day tue", "all_days", "left", "waiting 3", "graphed 6"]
    assert sorted(project.ran) == sorted(ran)
    [left] = result.asset_materializations_for_node("both")
    assert left.metadata["mine"].value == 1
    assert left.metadata["tracehold/gate"].value["outcome"] == "passed"
    # A project's own tests call its functions: there is no run then, and no server.
    assert behind[1](dg.build_asset_context(), Size(rows=5)) == 5


def test_each_partition_is_judged_for_itself(project: Project) -> None:
    days = dg.StaticPartitionsDefinition(["good", "bad"])

    @dg.asset(partitions_def=days)
    def days_of(context: dg.AssetExecutionContext) -> Iterator[Any]:
        version = dg.DataVersion(f"{context.partition_key}-1")
        yield dg.MaterializeResult(data_version=version)

    @dg.asset_check(asset=days_of)
    def sound(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        op = context.op_execution_context
        return dg.AssetCheckResult(passed=op.partition_key == "good")

    @dg.asset(partitions_def=days, deps=[days_of])
    def reader(context: dg.AssetExecutionContext) -> None:
        project.ran.append(context.partition_key)

    guard = guarded(reader, gates=["quality"], checks={"days_of": ["sound"]})
    for day in ("bad", "good", "bad"):
        project.materialize([days_of, sound, guard], partition_key=day)
    assert project.ran == ["good"]


def test_a_graph_whose_partitions_cannot_be_told_does_not_run(project: Project) -> None:
    days = dg.StaticPartitionsDefinition(["mon"])

    @dg.asset(partitions_def=days)
    def graph_source() -> int:
        return 1

    @dg.op
    def note(number: int) -> int:
        project.ran.append("noted")
        return number

    @dg.graph_asset(partitions_def=days)
    def of_days(graph_source: int) -> int:
        return note(graph_source)

    guard = guarded(of_days, gates=["license"])
    result = project.materialize([graph_source, guard], partition_key="mon")
    assert not result.success
    assert "which partitions are read" in str(failure_of(result, "of_days.note").error)
    assert project.ran == []


def test_what_cannot_be_guarded_is_refused_when_it_is_defined() -> None:
    @dg.asset
    def root() -> None: ...

    with pytest.raises(Misconfigured, match="deps"):
        guarded(root, gates=["license"])
    with pytest.raises(Misconfigured, match="gates: license"):
        guarded(root, gates=["luck"])  # type: ignore[list-item]
    with pytest.raises(Misconfigured, match="purpose"):
        guarded(root, gates=["purpose"])
    [outside] = dg.Definitions(assets=[dg.AssetSpec("outside")]).resolve_asset_graph().assets_defs
    with pytest.raises(Misconfigured, match="runs nothing"):
        guarded(outside, gates=["license"])
