"""A guarded asset runs where the server allows it, and never otherwise."""

# Dagster compares annotations, so they stay objects here.
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from guarded_project import FREE, NONCOMMERCIAL, Project, failure_of, licensed, served
from running_server import RunningServer

from tracehold_dagster import guarded
from tracehold_dagster.errors import Misconfigured


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with served(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
def project(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    monkeypatch.setenv("TRACEHOLD_URL", server.url)
    monkeypatch.setenv("TRACEHOLD_TOKEN", server.token)
    monkeypatch.setenv("TRACEHOLD_NAMESPACE", "shop")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Project(instance, server)


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
        causes = failed.user_failure_data.metadata["tracehold/causes"].records
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
