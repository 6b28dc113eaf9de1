"""The community's dagster-openlineage, unchanged, as a wrapper of the event log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_comparison import PAGE, compared, page
from live_clients import Asked, asking, dagster
from running_server import make_workspace, serving

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.dagster]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server that was told of one run of two assets and a check."""
    folder = tmp_path_factory.mktemp("dagster")
    with serving(make_workspace(folder / "workspace")) as server:
        said = dagster(folder, server.url, server.token)
        assert said.endswith("ended with 0"), said
        yield asking(server)


def test_everything_that_the_wrapper_sends_is_taken(told: Asked) -> None:
    assert told.outcomes() == {"accepted": 5}


def test_jobs_that_share_one_run_id_stay_apart(told: Asked) -> None:
    runs = told.runs()
    assert len({run["run_id"] for run in runs}) == 1
    assert {run["job"]: (run["state"], run["inputs"], run["outputs"]) for run in runs} == {
        "job:[dagster]orders": ("COMPLETE", [], ["dataset:[dagster]orders"]),
        "job:[dagster]revenue": ("COMPLETE", [], ["dataset:[dagster]revenue"]),
        "job:[dagster]revenue__checks": ("COMPLETE", ["dataset:[dagster]revenue"], []),
    }


def test_no_lineage_is_made_up_where_the_wrapper_names_no_inputs(told: Asked) -> None:
    revenue = told.trace("dataset:[dagster]revenue")
    assert [node["ref"] for node in revenue["nodes"]] == ["dataset:[dagster]revenue"]


def test_the_page_beside_ours_says_what_both_tell_of_the_same_projects(tmp_path: Path) -> None:
    assert PAGE.read_text("utf-8") == page(compared(tmp_path))
