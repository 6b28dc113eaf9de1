"""History of a dbt project, imported, and what dbt-ol reports of it live: one estate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_clients import asking, dbt, settle
from running_server import make_workspace, run, serving

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.dbt]


def test_what_is_imported_has_the_names_that_dbt_ol_reports(tmp_path: Path) -> None:
    with serving(make_workspace(tmp_path / "workspace")) as server:
        said = dbt(tmp_path / "shop", server.url, server.token, "build")
        assert said.endswith("ended with 0"), said
        told = asking(server)
        datasets, jobs = (set(told.named(kind, "")) for kind in ("datasets", "jobs"))
        place = f"duckdb://{tmp_path / 'shop' / 'shop.duckdb'}"
        words = ("import", "dbt", tmp_path / "shop" / "target", "--namespace", place, "--json")
        done = run(*words, workspace=server.workspace)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["refused"] == 0
        settle(server)
        assert set(told.named("datasets", "")) == datasets
        # dbt-ol reports no seeds; everything else was known by its name.
        assert {job for job in told.named("jobs", "") if not job.endswith(".seed")} == jobs
