"""What auditors ask about runs stands in standard tags, and the environment on every job."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import Api, services_of, workspace

from tracehold.questions import answer
from tracehold_dagster.carried import Carried
from tracehold_dagster.environment import SAID, run_tags
from tracehold_dagster.names import Naming
from tracehold_dagster.records import Meta, Record, Run
from tracehold_dagster.settings import Settings
from tracehold_dagster.translate import translate

START = 1_767_225_600_000
RUN = Run(
    "6a5e2f4e-9f9f-4b0b-8d43-3b1f6f4e0a11", "nightly", config_digest="ab" * 32,
    tags={
        "dagster/schedule_name": "every_night", "dagster/partition": "2026-01-01",
        "tracehold/commit": "c0ffee", "dagster/image": "shop:7", "tracehold/lock": "sha256:1",
    },
    parent_run_id="11111111-9f9f-4b0b-8d43-3b1f6f4e0a11",
    root_run_id="22222222-9f9f-4b0b-8d43-3b1f6f4e0a11",
)  # fmt: skip


def told(run: Run, environment: str | None = None) -> dict[str, str]:
    records = [Record("PIPELINE_START", run.run_id, START)]
    naming = Naming("shop", environment=environment)
    [event], _ = translate(run, records, Carried(), None, naming)
    tags = event["run"]["facets"]["tags"]["tags"]
    assert {tag["source"] for tag in tags} <= {"DAGSTER"}
    assert len({tag["key"] for tag in tags}) == len(tags)
    return {tag["key"]: tag["value"] for tag in tags}


def test_a_run_tells_all_that_its_record_holds() -> None:
    assert told(RUN, "prod") == {
        "launched_by": "schedule every_night",
        "commit": "c0ffee",
        "image": "shop:7",
        "lock_digest": "sha256:1",
        "config_digest": "sha256:" + "ab" * 32,
        "partition": "2026-01-01",
        "parent_run": RUN.parent_run_id,
        "root_run": RUN.root_run_id,
        "environment": "prod",
    }
    assert told(RUN, "prod").keys() == SAID.keys()


def test_what_nobody_knows_is_left_out() -> None:
    assert told(Run("6a5e2f4e-9f9f-4b0b-8d43-3b1f6f4e0a11", "x")) == {"launched_by": "hand"}


@pytest.mark.parametrize(
    ("tags", "launcher"),
    [
        ({"dagster/sensor_name": "s"}, "sensor s"),
        ({"dagster/sensor_name": "a", "dagster/from_automation_condition": "true"}, "automation a"),
        ({"dagster/auto_materialize": "true"}, "automation"),
        ({"dagster/backfill": "bxyz", "user": "kim"}, "backfill bxyz"),
        ({"dagster/retry_number": "1"}, "retry"),
        ({"user": "kim"}, "user kim"),
    ],
)
def test_who_launched_it_follows_from_the_tags_of_dagster(
    tags: dict[str, str], launcher: str
) -> None:
    assert told(Run("6a5e2f4e-9f9f-4b0b-8d43-3b1f6f4e0a11", "x", tags=tags))["launched_by"] == (
        launcher
    )


@pytest.mark.parametrize(("last", "said"), [("c", "a...c"), ("a", "a")])
def test_a_range_of_partitions_is_told_by_its_ends(last: str, said: str) -> None:
    tags = {
        "dagster/asset_partition_range_start": "a",
        "dagster/asset_partition_range_end": last,
    }
    assert told(Run("6a5e2f4e-9f9f-4b0b-8d43-3b1f6f4e0a11", "x", tags=tags))["partition"] == said


def test_every_job_is_tagged_with_its_environment() -> None:
    records = [
        Record("PIPELINE_START", RUN.run_id, 1), Record("STEP_START", RUN.run_id, 2, step_key="a"),
        Record("STEP_SUCCESS", RUN.run_id, 3, step_key="a"),
    ]  # fmt: skip
    events, _ = translate(RUN, records, Carried(), None, Naming("shop", environment="test"))
    tags = [event["job"]["facets"]["tags"]["tags"] for event in events]
    assert tags == [[{"key": "environment", "value": "test", "source": "DAGSTER"}]] * 3
    plain, _ = translate(RUN, records, Carried(), None, Naming("shop"))
    assert not any("tags" in event["job"]["facets"] for event in plain)


def test_tags_of_runs_are_read_from_the_environment_of_the_code(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_bytes(b"pinned")
    environ = {"GITHUB_SHA": "c1", "DAGSTER_CURRENT_IMAGE": "shop:8", "TRACEHOLD_COMMIT": ""}
    assert run_tags(environ, lock=lock) == {
        "tracehold/commit": "c1",
        "tracehold/image": "shop:8",
        "tracehold/lock": f"sha256:{hashlib.sha256(b'pinned').hexdigest()}",
    }
    assert run_tags({}) == {}
    with pytest.raises(OSError, match=r"missing\.lock"):
        run_tags({}, lock=tmp_path / "missing.lock")


def test_a_project_in_two_environments_shows_its_skew_and_its_commits(tmp_path: Path) -> None:
    def told(environment: str, *columns: str) -> list[dict[str, Any]]:
        schema = Meta("table_schema", [{"name": name, "type": "TEXT"} for name in columns])
        run = Run(str(uuid.uuid5(uuid.NAMESPACE_URL, environment)), "nightly",
                  tags={"tracehold/commit": f"c-{environment}"}, of_assets=True)  # fmt: skip
        records = [
            Record("PIPELINE_START", run.run_id, START),
            Record("STEP_START", run.run_id, START + 1, step_key="orders"),
            Record("ASSET_MATERIALIZATION", run.run_id, START + 2, step_key="orders",
                   asset=("orders",), metadata={"dagster/column_schema": schema}),
            Record("STEP_SUCCESS", run.run_id, START + 3, step_key="orders"),
            Record("PIPELINE_SUCCESS", run.run_id, START + 4),
        ]  # fmt: skip
        naming = Settings(environment=environment).naming({}, location="shop")
        return translate(run, records, Carried(), None, naming)[0]

    with services_of(workspace(tmp_path / "ws")) as services:
        api = Api(services, services.settings)
        for event in [*told("dev", "id", "email"), *told("prod", "id")]:
            assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).is_success
        services.catch_up()
        [item] = answer(services, "skew", {"one": "dev", "other": "prod"})["items"]
        assert (item["one"], item["other"]) == (
            "dataset:[shop-dev]orders", "dataset:[shop-prod]orders",
        )  # fmt: skip
        assert [one["name"] for one in item["differences"]] == ["email"]
        [run] = answer(services, "runs", {"job": "job:[shop-prod]dagster.nightly"})["items"]
        tags = answer(services, "run", {"ref": run["ref"]})["facets"]["tags"]["tags"]
        assert {"key": "commit", "value": "c-prod", "source": "DAGSTER"} in tags
        [step] = answer(services, "runs", {"job": "job:[shop-prod]orders"})["items"]
        around = answer(services, "run", {"ref": step["ref"]})["nesting"]["around"]
        assert around == run["ref"]
