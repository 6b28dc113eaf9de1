"""The example of the how-to: the line is all that differs, and it is enough."""

from __future__ import annotations

import difflib
import importlib.util
import re
from pathlib import Path

import dagster as dg
import pytest
from dagster_instances import evaluate, sharded
from live_clients import asking
from running_server import make_workspace, serving

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "examples" / "dagster"
HOW_TO = CHECKOUT / "docs" / "how-to" / "dagster.md"


def _added() -> list[str]:
    before, after = (
        (EXAMPLE / name / "definitions.py").read_text("utf-8").splitlines()
        for name in ("before", "after")
    )
    changed = [one for one in difflib.ndiff(before, after) if one[0] in "+-"]
    return [one for one in changed if one != "+ "]


def _definitions(name: str) -> dg.Definitions:
    spec = importlib.util.spec_from_file_location(
        f"example_{name}", EXAMPLE / name / "definitions.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    defs: dg.Definitions = module.defs
    return defs


def test_the_project_after_is_the_one_before_with_the_lines_of_the_how_to() -> None:
    [block] = re.findall(r"```python\n(.+?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    shown = [f"+ {line.strip()}" for line in block.splitlines() if line.strip()]
    assert _added() == shown
    assert len(shown) == 2


def test_a_project_with_the_line_tells_what_its_runs_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.db"))
    with (
        serving(make_workspace(tmp_path / "workspace")) as server,
        sharded(tmp_path / "instance") as instance,
    ):
        # Settings are read when the sensor runs: the project loads and runs without them.
        defs = _definitions("after")
        job = defs.get_repository_def().get_job("__ASSET_JOB")
        assert job.execute_in_process(instance=instance).success
        monkeypatch.setenv("TRACEHOLD_URL", server.url)
        monkeypatch.setenv("TRACEHOLD_TOKEN", server.token)
        monkeypatch.setenv("TRACEHOLD_NAMESPACE", "shop")
        evaluate(defs, instance)
        told = asking(server)
        report = told.trace("dataset:[shop]board_report")
        assert {"orders", "customers", "revenue"} <= {node["name"] for node in report["nodes"]}
        columns = {
            (edge["src"], edge["dst"])
            for edge in told.edges("dataset:[shop]revenue", columns="true")
            if edge["type"] == "FEEDS_COLUMN"
        }
        assert columns == {
            ("column:[shop]orders#amount", "column:[shop]revenue#amount"),
            ("column:[shop]customers#country", "column:[shop]revenue#country"),
        }
        shown = told.json("dataset", ref="dataset:[shop]revenue")["aspects"]
        assert shown["statistics"][0]["value"] == {"rows": 2}
        assert shown["assertions"][0]["value"]["assertion"] == "revenue_is_positive"
