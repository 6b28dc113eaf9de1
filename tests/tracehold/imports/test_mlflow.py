"""MLflow: a run with the datasets it logged, and the model that came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from import_samples import mlflow_server, mlruns, serving_json
from importing import estate_of, left_of

from lineage.errors import InvalidInput
from tracehold.imports import mlflow
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.mlflow_store import from_files, from_server
from tracehold.imports.report import Report
from tracehold.imports.web import Web

ORDERS = "dataset:[s3://lake]orders.parquet"


def test_a_registered_model_is_trained_on_what_its_run_logged(tmp_path: Path) -> None:
    with estate_of(tmp_path, "mlflow") as estate:
        told = estate.ask("trace", ref="model:churn@1")
        [edge] = told["edges"]
        assert (edge["kind"], edge["role"]) == ("declared", "train")
        assert ORDERS in {node["ref"] for node in told["nodes"]}
        versions = estate.ask("dataset", ref=ORDERS)["versions"]
        assert [one["version"] for one in versions] == ["0123abcd"]
        assert estate.value(ORDERS, "statistics") == [("import", {"rows": 41})]
        [(source, model)] = estate.value("model:churn@1", "model")
        assert (source, model["metrics"]) == ("import", {"auc": 0.75})
        [run] = estate.ask("runs", job="job:[mlflow]churn/churn-1")["items"]
        assert (run["state"], run["started"][:16]) == ("COMPLETE", "2026-01-10T08:00")


def test_a_server_says_the_same_as_a_folder(tmp_path: Path) -> None:
    from_folder = mlflow.read(from_files(mlruns(tmp_path)), namespace="mlflow", report=Report())
    with serving_json(mlflow_server) as url:
        asked = list(mlflow.read(from_server(Web(url)), namespace="mlflow", report=Report()))
    assert [item.raw for item in asked] == [item.raw for item in from_folder]


def test_what_mlflow_knows_beside_is_counted(tmp_path: Path) -> None:
    assert left_of("mlflow", tmp_path) == {
        "models without their run": 1,
        "parameters": 1,
        "user of runs": 1,
    }


def run(**more: Any) -> dict[str, Any]:
    info = {"run_id": "a", "experiment_id": "1", "start_time": 1, "end_time": 2, **more}
    return {"info": info, "data": {}, "inputs": {}}


@pytest.mark.parametrize(
    ("status", "states"),
    [
        ("FINISHED", ["START", "COMPLETE"]),
        ("FAILED", ["START", "FAIL"]),
        ("KILLED", ["START", "ABORT"]),
        ("RUNNING", ["START"]),
    ],
)
def test_a_run_ends_as_mlflow_says(status: str, states: list[str]) -> None:
    tracking = mlflow.Tracking({"1": "x"}, [run(status=status)], [])
    items = mlflow.read(tracking, namespace="mlflow", report=Report())
    assert [f'"{state}"' in item.raw.decode() for state, item in zip(states, items, strict=True)]


def test_a_deleted_run_is_left_out() -> None:
    report = Report()
    tracking = mlflow.Tracking({}, [run(lifecycle_stage="deleted")], [])
    assert list(mlflow.read(tracking, namespace="mlflow", report=report)) == []
    assert [one["what"] for one in report.as_list()] == ["deleted runs"]


def test_a_version_of_a_model_stays_wired_when_the_next_one_is_made(tmp_path: Path) -> None:
    runs, versions = [], []
    for number in (1, 2):
        one = run(run_id=f"r{number}", status="FINISHED", start_time=number, end_time=number + 1)
        logged = {"name": f"set{number}", "digest": "d"}
        one["inputs"] = {"dataset_inputs": [{"dataset": logged}]}
        runs.append(one)
        versions.append({"name": "churn", "version": str(number), "run_id": f"r{number}"})
    with estate_of(tmp_path) as estate:
        tracking = mlflow.Tracking({"1": "x"}, runs, versions)
        estate.take(mlflow.read(tracking, namespace="mlflow", report=Report()))
        for number in (1, 2):
            edge = (f"dataset:[mlflow]set{number}", f"model:churn@{number}", "declared")
            assert estate.edges(f"model:churn@{number}") == {edge}


@pytest.mark.parametrize(
    ("source", "kind", "place"),
    [
        ({"uri": "dbfs:/lake/t"}, "dbfs_uri", ("dbfs", "/lake/t")),
        ({"url": "https://h.example.org/a.csv"}, "http", ("https://h.example.org", "a.csv")),
        ({"path": "acme/orders"}, "hugging_face",
         ("https://huggingface.co", "datasets/acme/orders")),
        ({"delta_table_name": "main.core.orders"}, "delta_table", ("mlflow", "main.core.orders")),
        ({"tags": {"mlflow.user": "jane"}}, "code", ("mlflow", "orders")),
        (None, "", ("mlflow", "orders")),
    ],
)  # fmt: skip
def test_a_dataset_is_named_by_its_address_or_by_its_name(
    source: Any, kind: str, place: tuple[str, str]
) -> None:
    logged = run(status="FINISHED")
    dataset = {"name": "orders", "digest": "d", "source_type": kind, "source": source}
    logged["inputs"] = {"dataset_inputs": [{"dataset": dataset}]}
    *_, last = mlflow.read(mlflow.Tracking({}, [logged], []), namespace="mlflow", report=Report())
    text = last.raw.decode()
    assert f'"namespace":"{place[0]}"' in text
    assert f'"name":"{place[1]}"' in text
    assert "jane" not in text


def test_a_folder_without_experiments_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        from_files(tmp_path)
    folder = mlruns(tmp_path / "mlruns")
    (folder / "1" / "aa11" / "meta.yaml").write_text("a: [")
    with pytest.raises(NotThisFormat):
        list(from_files(folder).runs)
