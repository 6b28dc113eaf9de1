"""``tracehold import``: with and without a server, dry, as JSON, and what it exits with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dbt_samples import dbt_project
from import_samples import (
    PG,
    archive,
    croissant_file,
    datahub_file,
    marquez_pages,
    mlruns,
    serving_json,
    snowflake_files,
    unity_files,
)
from running_server import make_workspace, serving
from tracehold_world import Api, Clockwork, services_of, workspace

from lineage.clock import system_clock
from tracehold.cli.main import run
from tracehold.imports.archive import read
from tracehold.imports.delivery import Remote, carry
from tracehold.imports.events import Item
from tracehold.workspace import store_token


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return workspace(tmp_path / "ws", clock=system_clock).folder


def told(
    capsys: pytest.CaptureFixture[str], folder: Path, *words: str | Path, code: int = 0
) -> Any:
    got = run(["import", *map(str, words), "--json", "--workspace", str(folder)])
    out, err = capsys.readouterr()
    assert got == code, err
    return json.loads(out) if out else json.loads(err)


def test_every_format_can_be_imported_dry_and_then_in_earnest(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving_json(marquez_pages) as url:
        for words in (
            ["openlineage", *archive(tmp_path / "a")],
            ["dbt", *dbt_project(tmp_path / "b"), "--namespace", PG],
            ["datahub", *datahub_file(tmp_path / "c"), "--platform", f"postgres={PG}"],
            ["unity-catalog", *unity_files(tmp_path / "d"), "--namespace", "unitycatalog://acme"],
            ["snowflake", *snowflake_files(tmp_path / "e"), "--namespace", "snowflake://acme"],
            ["croissant", *croissant_file(tmp_path / "f")],
            ["mlflow", mlruns(tmp_path / "g")],
            ["marquez", url],
        ):
            dry = told(capsys, folder, *words, "--dry-run")
            assert dry.pop("dry_run") is True
            real = told(capsys, folder, *words)
            assert real.pop("dry_run") is False
            assert real == dry
            assert real["accepted"] == real["events"] > 0
            again = told(capsys, folder, *words)
            assert (again["accepted"], again["duplicates"]) == (0, real["events"])


def test_a_large_import_is_folded_in_a_process_beside_it_to_the_same_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = [*dbt_project(tmp_path / "b"), "--namespace", PG]
    answers, graphs = [], []
    for number, large in enumerate((4 << 20, 0)):
        settings = workspace(tmp_path / f"ws{number}", clock=system_clock)
        monkeypatch.setattr("tracehold.cli.imports._LARGE", large)
        answers.append(told(capsys, settings.folder, "dbt", *project))
        with services_of(settings) as services:
            assert services.state.position() == services.journal.head().size
            names = [node.props["name"] for node in services.state.list_nodes("Dataset")]
            graphs.append((names, services.state.count("Column"), services.state.count("Job")))
    assert answers[0] == answers[1]
    assert graphs[0] == graphs[1]
    assert graphs[0][0]


def test_a_dry_run_writes_nothing_and_text_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["import", "dbt", str(dbt_project(tmp_path / "b")[0]), "--namespace", PG]
    assert run([*words, "--dry-run", "--workspace", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "keys of meta" in out
    assert "nothing was written" in err
    assert run(["dataset", "list", "--workspace", str(folder)]) == 0
    assert "no dataset is known" in capsys.readouterr().out


def test_a_refused_event_is_shown_and_exits_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = archive(tmp_path / "a")
    path.write_text(path.read_text() + "{}\n")
    answer = told(capsys, folder, "openlineage", path, code=2)
    assert (answer["accepted"], answer["refused"]) == (4, 1)
    assert run(["import", "openlineage", str(path), "--workspace", str(folder)]) == 2
    assert f"{path}:5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dbt", "{sample}"], "where the tables are"),
        (["datahub", "{sample}", "--platform", "postgres"], "NAME=NAMESPACE"),
        (["croissant", "{sample}", "--at", "soon"], "no time"),
        (["croissant", "{sample}"], "describes no dataset"),
        (["marquez", "marquez"], "no HTTP address"),
        (["mlflow", "{sample}"], "no experiments"),
    ],
)
def test_wrong_input_is_said_in_three_lines_and_exits_2(
    words: list[str], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [sample] = dbt_project(tmp_path / "sample")
    answer = told(capsys, folder, *(word.format(sample=sample) for word in words), code=2)
    assert said in answer["what"]


def test_a_person_who_may_not_report_cannot_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "ws")
    with services_of(settings, clock=Clockwork(system_clock())) as services:
        token = Api(services, settings).hire("olga", "auditor")
        store_token(settings, "olga", token)
    [path] = archive(tmp_path / "a")
    answer = told(capsys, settings.folder, "openlineage", path, "--as", "olga", code=3)
    assert answer["code"] == "denied"


def test_a_token_bound_to_namespaces_imports_those_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "ws")
    with services_of(settings, clock=Clockwork(system_clock())) as services:
        token = Api(services, settings).hire("bot", "producer", namespaces=["etl", "postgres://*"])
        store_token(settings, "bot", token)
    [path] = archive(tmp_path / "a")
    foreign = path.read_text().replace('"etl"', '"other"', 1)
    path.write_text(foreign)
    answer = told(capsys, settings.folder, "openlineage", path, "--as", "bot", code=2)
    assert (answer["accepted"], answer["refused"]) == (3, 1)
    assert answer["refusals"][0]["code"] == "denied"


def test_with_a_server_running_events_go_through_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = archive(tmp_path / "a")
    path.write_text(path.read_text() + "{nope\n{}\n")
    with serving(make_workspace(tmp_path / "ws")) as server:
        answer = told(capsys, server.workspace, "openlineage", path, code=2)
        assert (answer["accepted"], answer["duplicates"], answer["refused"]) == (4, 0, 2)
        assert sorted(one["where"] for one in answer["refusals"]) == [
            f"{path}:5", f"{path}:6 /job",
        ]  # fmt: skip
        again = told(capsys, server.workspace, "openlineage", path, code=2)
        assert (again["accepted"], again["duplicates"]) == (0, 4)


def test_a_server_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    items = list(read(archive(tmp_path / "a")))
    waited: list[float] = []
    with serving(make_workspace(tmp_path / "ws")) as server:
        remote = Remote("http://127.0.0.1:9", "token", pause=waited.append)

        def pause(seconds: float) -> None:
            waited.append(seconds)
            remote._url = server.url
            remote._token = server.token

        remote._pause = pause
        tally = carry(items, remote, lambda _: None)
        assert (tally.accepted, waited) == (len(items), [1.0])


def test_an_event_that_is_too_large_stops_no_other(tmp_path: Path) -> None:
    items = list(read(archive(tmp_path / "a")))
    large = json.dumps({"job": {"namespace": "n", "name": "x"}, "pad": "x" * (33 << 20)})
    with serving(make_workspace(tmp_path / "ws")) as server:
        tally = carry(
            [items[0], Item(large.encode(), "large"), *items[1:]],
            Remote(server.url, server.token),
            lambda _: None,
        )
        assert (tally.accepted, tally.refused) == (len(items), 1)
        assert tally.refusals[0]["where"].startswith("large")


def test_what_marquez_form_gives_out_comes_back_as_the_same_estate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own server answers like a Marquez: what is imported from it has the same lineage."""
    other = workspace(tmp_path / "other", clock=system_clock).folder
    with serving(make_workspace(tmp_path / "ws")) as server:
        told(capsys, server.workspace, "openlineage", *archive(tmp_path / "a"))
        dbt = dbt_project(tmp_path / "b")[0]
        told(capsys, server.workspace, "dbt", dbt, "--namespace", PG)
        monkeypatch.setenv("MARQUEZ_API_KEY", server.token)
        answer = told(capsys, other, "marquez", server.url)
        again = told(capsys, other, "marquez", server.url)
    assert answer["refused"] == again["accepted"] == 0
    drawn = []
    for folder in (server.workspace, other):
        ref = "dataset:[dbt]exposure.shop.revenue"
        assert run(["trace", ref, "--json", "--workspace", str(folder)]) == 0
        trace = json.loads(capsys.readouterr().out)
        names = {node["key"]: node["ref"] for node in trace["nodes"]}
        drawn.append(
            {
                (names[e["src"]], names[e["dst"]], e["job"], e["kind"])
                for e in trace["edges"]
                # Which of two names is crossed to first follows from the keys of the workspace.
                if e["type"] != "SAME_AS"
            }
        )
    assert drawn[0] == drawn[1] != set()
