"""Impact, who changed what, pinned inputs, breaking changes: over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openlineage_events import dataset, facet, run_event
from tracehold_world import Api, services_of, workspace

from tracehold.acts import perform
from tracehold.cli.impact import as_csv
from tracehold.cli.main import run
from tracehold.http.app import create_app
from tracehold.ui.pages import add_pages

NS = "warehouse"


def fields(**types: str) -> dict[str, Any]:
    return facet("SchemaDatasetFacet", fields=[{"name": n, "type": t} for n, t in types.items()])


def owned(name: str, owner: str, **more: Any) -> dict[str, Any]:
    owners = facet("OwnershipDatasetFacet", owners=[{"name": owner, "type": "team"}])
    return dataset(name, ownership=owners, **more)


MODEL = facet("ModelDatasetFacet", name="churn", version="1")
EVENTS = [
    run_event("COMPLETE", 1, job="load", run="a", inputs=["raw"], outputs=[
        owned("tidy", "data", schema=fields(id="INT", mail="TEXT", day="TEXT"))]),
    run_event("COMPLETE", 2, job="sum", run="b", inputs=["tidy"],
              outputs=[owned("mart", "=cmd()", tracehold_license=facet("L", declared="MIT"))]),
    run_event("COMPLETE", 3, job="train", run="c", inputs=["mart"],
              outputs=[dataset("churn.bin", tracehold_model=MODEL)]),
    run_event("COMPLETE", 4, job="other", run="d", inputs=["else"], outputs=["island"]),
    run_event("COMPLETE", 9, job="load", run="e", inputs=["raw2"], outputs=[
        owned("tidy", "data", schema=fields(id="BIGINT", email="TEXT"))]),
]  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        made = Api(services, settings)
        for event in EVENTS:
            sent = made.send("POST", "/api/v1/lineage", token=made.token(), json=event)
            assert sent.status_code == 201
        services.catch_up()
        yield made


@pytest.fixture
def folder(api: Api) -> Path:
    api.services.close()
    return api.settings.folder


def get(api: Api, question: str, status: int = 200, **query: str | int) -> Any:
    found = api.send("GET", f"/api/v1/{question}?{httpx.QueryParams(query)}", token=api.token())
    assert found.status_code == status, found.text
    return found.json()


def said(
    capsys: pytest.CaptureFixture[str], folder: Path, *words: str, code: int = 0
) -> tuple[str, str]:
    capsys.readouterr()
    assert run([*words, "--workspace", str(folder)]) == code
    told = capsys.readouterr()
    return told.out, told.err


def test_the_impact_list_has_owners_terms_and_models(api: Api) -> None:
    found = get(api, "impact", ref="tidy")
    assert [(one["ref"], one["owner"], one["license"]) for one in found["items"]] == [
        ("dataset:[warehouse]mart", "=cmd()", "MIT"), ("model:churn@1", None, None)
    ]  # fmt: skip
    assert (found["count"], found["models"], found["complete"]) == (2, 1, True)
    assert found["owners"] == [{"owner": "", "count": 1}, {"owner": "=cmd()", "count": 1}]
    assert found["items"][0]["jobs"] == ["job:[warehouse]sum"]
    assert "pii" not in found["items"][0]
    then = get(api, "impact", ref="raw", as_of="2026-01-01T00:05:00Z")
    assert [one["depth"] for one in then["items"]] == [1, 2, 3]


def test_a_column_has_its_impact_with_what_is_known_of_the_datasets(api: Api) -> None:
    event = run_event("COMPLETE", 20, job="sum", run="x", inputs=["tidy"], outputs=[
        owned("mart", "marketing", columns=["n"], lineage={"n": ["tidy.id"]})])  # fmt: skip
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).status_code == 201
    api.services.catch_up()
    found = get(api, "impact", ref="column:[warehouse]tidy#id")
    column, model = found["items"]
    assert (column["kind"], column["owner"]) == ("column", "marketing")
    assert (model["kind"], found["models"]) == ("model", 1)


def test_a_way_from_one_thing_to_another_is_listed_or_the_exit_code_is_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, _ = said(capsys, folder, "impact", "tidy", "--to", "churn@1", "--json")
    assert [one["ref"] for one in json.loads(told)["items"]] == [
        "dataset:[warehouse]mart", "model:churn@1"
    ]  # fmt: skip
    told, _ = said(capsys, folder, "impact", "tidy", "--to", "island", "--json", code=1)
    assert json.loads(told)["items"] == []
    told, _ = said(capsys, folder, "impact", "tidy")
    assert "2 in all, 1 model ·" in told


def test_the_csv_has_one_row_each_and_no_formula(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, _ = said(capsys, folder, "impact", "tidy", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(told)))
    assert [row["ref"] for row in rows] == ["dataset:[warehouse]mart", "model:churn@1"]
    assert rows[0]["owner"] == "'=cmd()"
    assert rows[0]["jobs"] == "job:[warehouse]sum"
    odd = as_csv([{"ref": '@x,"y"\nz', "depth": 1, "owner": "-1+2", "jobs": ["a", "b"]}])
    [row] = csv.DictReader(io.StringIO(odd))
    assert (row["ref"], row["owner"], row["jobs"]) == ('\'@x,"y"\\nz', "'-1+2", "a; b")


def test_changes_say_who_did_what_when_and_by_which_fact(api: Api) -> None:
    found = get(api, "changes", ref="tidy")
    assert [(one["what"], one["aspect"]) for one in found["items"]] == [
        ("changed", "schema"), ("wrote", "content"),
        ("set", "schema"), ("set", "ownership"), ("wrote", "content"),
    ]  # fmt: skip
    changed = found["items"][0]
    assert changed["before"] == {"day": "TEXT", "id": "INT", "mail": "TEXT"}
    assert changed["after"] == {"email": "TEXT", "id": "BIGINT"}
    assert (changed["at"], changed["who"]) == ("2026-01-01T00:09:00.000Z", "admin")
    assert changed["recorded"] > changed["at"]
    first = found["items"][2]
    assert (first["before"], first["after"]) == (
        None, {"day": "TEXT", "id": "INT", "mail": "TEXT"}
    )  # fmt: skip
    assert found["items"][1]["run"].startswith("run:[warehouse]load/")
    assert get(api, "fact", id=changed["fact"])["kind"] == "openlineage.received/1"


def test_changes_come_page_by_page_and_between_two_moments(api: Api) -> None:
    whole = get(api, "changes", ref="tidy")["items"]
    pages: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = get(api, "changes", ref="tidy", limit=2, after=after)
        pages += page["items"]
        after = page["next"]
    assert pages == whole
    late = get(api, "changes", ref="tidy", since="2026-01-01T00:05:00Z")["items"]
    assert late == whole[:2]
    early = get(api, "changes", ref="tidy", until="2026-01-01T00:05:00Z")["items"]
    assert early == whole[2:]
    assert get(api, "changes", 400, ref="tidy", after="x")["where"] == "after"
    assert get(api, "changes", 400, ref="tidy", limit=0)["where"] == "limit"


def test_changes_of_a_column_are_those_of_its_type(api: Api) -> None:
    found = get(api, "changes", ref="column:[warehouse]tidy#id")["items"]
    assert [(one["what"], one["before"], one["after"]) for one in found] == [
        ("changed", "INT", "BIGINT"), ("set", None, "INT")
    ]  # fmt: skip
    gone = get(api, "changes", ref="column:[warehouse]tidy#day")["items"]
    assert [one["what"] for one in gone] == ["withdrawn", "set"]


def test_a_decision_of_a_person_is_a_change_with_the_name(api: Api) -> None:
    token = api.hire("Olga", "privacy-officer")
    person = api.services.people.by_token(token)
    perform(
        api.services, person, "license.conclude",
        {"dataset": "dataset:[warehouse]mart", "expression": "MIT", "reason": "reviewed"},
    )  # fmt: skip
    newest = get(api, "changes", ref="mart")["items"][0]
    assert (newest["who"], newest["aspect"]) == ("Olga", "license")


def test_the_inputs_of_a_run_are_pinned_to_versions(api: Api) -> None:
    version = facet("DatasetVersionDatasetFacet", datasetVersion="v7")
    event = run_event("COMPLETE", 30, job="sum", run="x", inputs=[
        dataset("tidy", version=version), "raw", "never-written"], outputs=["mart"])  # fmt: skip
    api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    api.services.catch_up()
    [newest] = get(api, "runs", job="sum", limit=1)["items"]
    found = get(api, "inputs", ref=newest["ref"])
    by_name = {one["ref"].rpartition("]")[2]: one for one in found["items"]}
    assert (by_name["tidy"]["version"], by_name["tidy"]["how"]) == ("v7", "said")
    assert (by_name["raw"]["version"], by_name["raw"]["how"]) == (None, "unknown")
    assert found["exact"] is False
    [train] = get(api, "runs", job="train")["items"]
    [mart] = get(api, "inputs", ref=train["ref"])["items"]
    assert mart["how"] == "inferred"
    assert mart["made_by"].startswith("run:[warehouse]sum/")
    assert mart["made_at"] == "2026-01-01T00:02:00.000Z"


def test_of_several_partitions_read_at_once_each_is_pinned(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(**more: Any) -> dict[str, Any]:
        return dataset("daily") | {
            "inputFacets": {"dagster_input": facet("DagsterInputDatasetFacet", **more)}
        }

    for minute, version in ((40, "d1"), (41, "d2")):
        named = facet("DatasetVersionDatasetFacet", datasetVersion=version)
        written = run_event(
            "COMPLETE", minute, job="day", run=version, outputs=[dataset("daily", version=named)]
        )
        api.send("POST", "/api/v1/lineage", token=api.token(), json=written)
    both = [
        {"partition": day, "version": version}
        for day, version in (("mon", "d1"), ("tue", "d2"), ("wed", "gone"))
    ]
    for minute, input_ in (
        (50, read(pinned=True, dataVersion="x", partitions=both)),
        (51, read(pinned=False, dataVersion="x", partitions=both)),
        (52, read(pinned=True, dataVersion="x", partitions=["mon", {"partition": 1}])),
    ):
        event = run_event("COMPLETE", minute, job="week", run=f"w{minute}", inputs=[input_])
        api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    api.services.catch_up()
    odd, marked, pinned = get(api, "runs", job="week")["items"]
    answer = get(api, "inputs", ref=pinned["ref"])
    [found] = answer["items"]
    assert (found["version"], found["how"], found["made_by"]) == (None, "said", None)
    second, first = (one["ref"] for one in get(api, "runs", job="day")["items"])
    assert [(one["partition"], one["version"], one["made_by"]) for one in found["partitions"]] == [
        ("mon", "d1", first), ("tue", "d2", second), ("wed", "gone", None)
    ]  # fmt: skip
    assert answer["exact"] is True
    api.app = create_app(api.services, extend=[add_pages])
    opened = api.send("GET", f"/open?{httpx.QueryParams(ref=pinned['ref'])}", token=api.token())
    page = api.send("GET", opened.headers["location"], token=api.token()).text
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert f"partition mon d1 said {first.rpartition('/')[2]}" in text
    assert "partition wed gone said not recorded" in text
    for other in (marked, odd):
        [found] = get(api, "inputs", ref=other["ref"])["items"]
        assert (found["version"], found["how"], found["partitions"]) == ("d2", "inferred", [])
    api.services.close()
    text, _ = said(capsys, api.settings.folder, "run", "inputs", pinned["ref"])
    assert [line.split() for line in text.splitlines() if "d1" in line] == [["mon", "d1", first]]


def test_a_run_that_began_before_another_ended_did_not_read_what_it_wrote(api: Api) -> None:
    for event in (
        run_event("START", 40, job="slow", run="s", outputs=["shared"]),
        run_event("COMPLETE", 45, job="slow", run="s", outputs=["shared"]),
        run_event("COMPLETE", 42, job="reads", run="r", inputs=["shared"], outputs=["out"]),
        run_event("COMPLETE", 46, job="reads", run="q", inputs=["shared"], outputs=["out"]),
    ):
        api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    api.services.catch_up()
    late, early = get(api, "runs", job="reads")["items"]
    assert get(api, "inputs", ref=early["ref"])["items"][0]["how"] == "unknown"
    assert get(api, "inputs", ref=late["ref"])["items"][0]["how"] == "inferred"


def test_runs_come_page_by_page_each_once(api: Api) -> None:
    whole = [one["ref"] for one in get(api, "runs")["items"]]
    assert len(whole) == len(EVENTS)
    pages: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = get(api, "runs", limit=2, after=after)
        pages += [one["ref"] for one in page["items"]]
        after = page["next"]
    assert pages == whole
    first = get(api, "runs", job="load", limit=1)
    second = get(api, "runs", job="load", limit=1, after=first["next"])
    assert second["next"] is None
    assert first["items"][0]["started"] is None or first["items"] != second["items"]


DIFF = ("diff", "tidy", "--from", "2026-01-01T00:05:00Z", "--to", "2026-01-01T01:00:00Z")


def test_breaking_changes_are_told_and_decide_the_exit_code_where_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, _ = said(capsys, folder, *DIFF, "--json")
    assert [(one["kind"], one["name"], one["after"]) for one in json.loads(told)["breaking"]] == [
        ("source", "", None), ("drop", "day", None), ("retype", "id", "BIGINT"),
        ("drop", "mail", None),
    ]  # fmt: skip
    told, _ = said(capsys, folder, *DIFF)
    assert "breaking" in told
    for kind in ("any", "retype", "source"):
        said(capsys, folder, *DIFF, "--breaking", kind, code=1)
    said(capsys, folder, *DIFF, "--breaking", "declared")
    told, _ = said(capsys, folder, *DIFF, "--format", "markdown")
    assert "- **Breaking**: source lost: dataset:" in told
    said(capsys, folder, *DIFF, "--breaking", "all", code=2)
    same = ("diff", "island", "--from", "2026-01-01T00:05:00Z", "--to", "2026-01-01T01:00:00Z")
    said(capsys, folder, *same, "--breaking", "any")


def test_a_change_that_a_manifest_declares_to_break_readers_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "shop")
    manifest = settings.folder / "manifests" / "datasets.yaml"
    said_so = manifest.read_text("utf-8")
    parcels = [
        {**dataset("parcels", schema=fields(weight_kg=kind)), "namespace": "shop"}
        for kind in ("DOUBLE", "TEXT")
    ]
    with services_of(settings) as services:
        made = Api(services, settings)
        for minute, one in enumerate(parcels):
            event = run_event("COMPLETE", 10 * minute, run=f"p{minute}", outputs=[one])
            made.send("POST", "/api/v1/lineage", token=made.token(), json=event)
    words = ("diff", "dataset:[shop]parcels", "--from", "2026-01-01T00:05:00Z",
             "--to", "2026-01-01T01:00:00Z", "--breaking", "declared", "--json")  # fmt: skip
    for declares, code in (("drop", 0), ("retype", 1)):
        manifest.write_text(said_so.replace("retention:", f"breaking: [{declares}]\nretention:", 1))
        told, _ = said(capsys, settings.folder, *words, code=code)
        [one] = json.loads(told)["breaking"]
        assert (one["kind"], one["declared"]) == ("retype", bool(code))
    said(capsys, settings.folder, "check")
