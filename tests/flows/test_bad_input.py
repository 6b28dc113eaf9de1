"""What goes wrong on the way in: a clear error, the right exit code, nothing lost, no value told.

Everything is done as a user does it: manifests and files in a workspace, the command line, a real
server, real runs of the pipeline.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from fault_estate import (
    CANARY,
    SOURCES,
    command,
    estate,
    facts,
    mend,
    nothing_lost,
    post,
    source_manifest,
    spoil,
    three_lines,
)
from running_server import Client, RunningServer, serving

from catalog.facets import license_facet, model_facet, training_facet
from tracehold.settings import load
from tracehold.workspace import PIPELINE

pytestmark = pytest.mark.slow

SPOILED = tuple(name for name in SOURCES if name != "good")


@dataclass(frozen=True)
class Spoiled:
    """A workspace whose sources were spoiled, run, mended, and run again."""

    server: RunningServer
    acknowledged: Sequence[str]
    checked: CompletedProcess[str]
    checked_as_json: CompletedProcess[str]
    spoiled: CompletedProcess[str]
    mended: CompletedProcess[str]

    def reason(self, name: str) -> str:
        """Why the step of a source failed; said on standard error too."""
        failed = {one["step"]: one["reason"] for one in json.loads(self.spoiled.stdout)["failed"]}
        assert f"failed   {name}: {failed[name]}" in self.spoiled.stderr
        return str(failed[name])

    def problem(self, name: str) -> dict[str, Any]:
        """What ``check`` says of a source's manifest."""
        problems = json.loads(self.checked_as_json.stdout)["problems"]
        (found,) = (one for one in problems if one["file"] == f"manifests/{name}.yaml")
        assert found["what"] in self.checked.stdout
        return dict(found)


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiled]:
    folder = estate(tmp_path_factory.mktemp("spoiled") / "workspace")
    spoil(folder)
    checked, as_json = command(folder, "check"), command(folder, "check", "--json")
    with serving(folder) as server:
        receipts = post(server, 20)
        spoiled = command(folder, "run", "--json")
        mend(folder, *SPOILED)
        mended = command(folder, "run", "--json")
        yield Spoiled(server, receipts, checked, as_json, spoiled, mended)


@pytest.fixture(scope="module")
def server(spoiled: Spoiled) -> RunningServer:
    return spoiled.server


def test_a_malformed_manifest_is_named_by_file_and_line_and_nothing_runs(tmp_path: Path) -> None:
    folder = estate(tmp_path / "workspace", "good")
    manifest = folder / "manifests/good.yaml"
    text = manifest.read_text()
    for broken, told in (
        (text.replace("owner:", "\towner:"), "manifests/good.yaml:4: "),
        (text.replace("owner: team:test\n", ""), "manifests/good.yaml:1: owner: "),
        (text.replace("retention: short", "retention: shrot"), "did you mean short?"),
    ):
        manifest.write_text(broken)
        checked = command(folder, "check")
        assert (checked.returncode, checked.stderr) == (2, "")
        assert told in checked.stdout
    ran = command(folder, "run")
    assert ran.returncode == 2, ran
    assert "there is no retention class 'shrot'" in ran.stderr
    assert "where: manifests/good.yaml:" in ran.stderr
    assert "do: did you mean short?" in ran.stderr
    assert not any((folder / "data").iterdir())
    manifest.write_text(text)
    assert command(folder, "check").returncode == 0


def test_a_missing_file_is_named_with_what_to_do(spoiled: Spoiled) -> None:
    reason = spoiled.reason("missing")
    assert reason.startswith("the file of a source is missing; at ")
    assert "/sources/missing.csv; put the file there, or correct source.path" in reason
    problem = spoiled.problem("missing")
    assert problem["field"] == "source.path"
    assert "there is no file sources/missing.csv" in problem["what"]


def test_a_column_of_the_wrong_type_is_named_and_its_cells_are_not(spoiled: Spoiled) -> None:
    wrong = spoiled.reason("wrong_type")
    assert "column 'value' holds something that is not of its declared type" in wrong
    assert "at sources/wrong_type.csv" in wrong
    assert "or the column's type in the dataset's manifest" in wrong
    wrong = spoiled.reason("text_for_number")
    assert "column 'value' is string, declared as int64" in wrong
    ragged = spoiled.reason("ragged")
    assert "not a well-formed CSV table; at sources/ragged.csv" in ragged
    assert "every line needs as many cells as the header" in ragged


def test_a_corrupt_parquet_file_is_named(spoiled: Spoiled) -> None:
    reason = spoiled.reason("corrupt")
    assert "not a readable Parquet table; at sources/corrupt.parquet" in reason
    assert "it is damaged or cut off" in reason


def test_a_path_outside_the_workspace_is_not_read(spoiled: Spoiled) -> None:
    for name, path in (("outside", "../outside.csv"), ("absolute", "/etc/passwd")):
        reason = spoiled.reason(name)
        assert reason.startswith(f"a path leaves the folders of the workspace; at {path}; ")
        assert "use a path below" in reason
        problem = spoiled.problem(name)
        assert "leaves the folders of the workspace" in problem["what"]
        assert problem["fix"] == "put the file below sources or data"


def test_a_path_through_a_symbolic_link_is_not_read(spoiled: Spoiled) -> None:
    reason = spoiled.reason("linked")
    assert reason.startswith("a path passes through a symbolic link; at ")
    assert "/sources/link; put the file itself there" in reason
    assert "passes through a symbolic link" in spoiled.problem("linked")["what"]


def test_bad_sources_end_with_2_stop_no_other_and_run_again_once_mended(spoiled: Spoiled) -> None:
    assert spoiled.checked.returncode == spoiled.checked_as_json.returncode == 2
    assert spoiled.spoiled.returncode == 2
    ran = json.loads(spoiled.spoiled.stdout)
    assert ran["made"] == ["good"]
    assert sorted(one["step"] for one in ran["failed"]) == sorted(SPOILED)
    assert spoiled.mended.returncode == 0, spoiled.mended.stderr
    assert sorted(json.loads(spoiled.mended.stdout)["made"]) == sorted(SOURCES)
    nothing_lost(spoiled.server.workspace, spoiled.acknowledged)


def test_no_value_of_a_bad_row_is_told_logged_or_recorded(spoiled: Spoiled, tmp_path: Path) -> None:
    for said in (spoiled.checked, spoiled.checked_as_json, spoiled.spoiled, spoiled.mended):
        assert CANARY not in said.stdout + said.stderr
    folder = spoiled.server.workspace
    exported = tmp_path / "facts.jsonl"
    assert command(folder, "journal", "export", str(exported)).returncode == 0
    kept = [path for path in (folder / ".tracehold").rglob("*") if path.is_file()]
    assert {"server.log", "state.db", "journal.db"} <= {path.name for path in kept}
    for path in (exported, *kept):
        assert CANARY.encode() not in path.read_bytes(), path
    assert "".join(spoiled.server.said).find(CANARY) < 0


def test_an_unknown_license_in_a_manifest_is_named_before_anything_runs(tmp_path: Path) -> None:
    folder = estate(tmp_path / "workspace", "good")
    (folder / "manifests/good.yaml").write_text(
        source_manifest("good", "sources/good.csv", license="CC-BY-4.O")
    )
    checked = command(folder, "check")
    assert checked.returncode == 2
    assert "license: the terms of CC-BY-4.O are not known; did you mean CC-BY-4.0?" in (
        checked.stdout
    )
    ran = command(folder, "run")
    assert ran.returncode == 2
    assert "the terms of CC-BY-4.O are not known" in ran.stderr


def test_a_model_under_an_unknown_license_is_refused_with_1(server: RunningServer) -> None:
    dataset = {
        "namespace": "web",
        "name": "scraped",
        "facets": {"tracehold_license": license_facet("LicenseRef-found-somewhere")},
        "inputFacets": {"tracehold_training": training_facet("train")},
    }
    model = {
        "namespace": "model",
        "name": "guess@1",
        "facets": {"tracehold_model": model_facet("guess", "1")},
    }
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "producer": "https://example.org/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "0189d1a0-0000-7000-8000-000000000001"},
        "job": {"namespace": "web", "name": "guess"},
        "inputs": [dataset],
        "outputs": [model],
    }
    with closing(server.client()) as client:
        status, answer = client.post("/api/v1/lineage", json.dumps(event).encode())
    assert status == http.client.CREATED, answer
    words = ("license", "check", "model:guess@1", "--use", "train-for-release")
    told = command(server.workspace, *words)
    assert told.returncode == 1, told
    assert told.stdout.startswith("unknown: model:guess@1 for train-for-release")
    assert "LicenseRef-found-somewhere" in told.stdout
    assert "dataset:[web]scraped" in told.stdout


def test_an_event_that_is_no_json_is_refused_with_400_and_not_recorded(
    server: RunningServer,
) -> None:
    before = facts(server)
    with closing(server.client()) as client:
        for raw, code in (
            (f'{{"job": {{"name": "{CANARY}"'.encode(), "not-an-event"),
            (f'{{"job": {CANARY}}}'.encode(), "not-an-event"),
            (f'["{CANARY}"]'.encode(), "not-an-event"),
            (b"\xff\xfe" + CANARY.encode(), "not-an-event"),
            (b"", "not-an-event"),
            (json.dumps({"run": {"runId": CANARY}}).encode(), "no-identity"),
        ):
            status, answer = client.post("/api/v1/lineage", raw)
            said = json.loads(answer)
            assert (status, said["code"]) == (400, code)
            assert said["what"].startswith("the event ")
            assert said["advice"].startswith("send ")
            assert CANARY not in answer.decode()
    assert facts(server) == before


def test_a_wrong_token_is_told_so_and_changes_nothing(server: RunningServer) -> None:
    folder, before = server.workspace, facts(server)
    with closing(Client(server.url, "no-token-of-ours")) as client:
        status, answer = client.post("/api/v1/lineage", b"{}")
    said = json.loads(answer)
    assert (status, said["code"]) == (401, "unauthenticated")
    assert said["what"]
    assert said["advice"]

    words = ("user", "add", "zoe", "--role", "auditor")
    wrong = {"TRACEHOLD_TOKEN": "no-token-of-ours"}
    added = command(folder, *words, environment=wrong)
    assert added.returncode == 3, added
    assert "token" in added.stderr
    assert "no-token-of-ours" not in added.stderr
    assert all(line.strip() for line in added.stderr.splitlines())

    kept = load(folder).tokens / PIPELINE
    right = kept.read_text()
    kept.write_text("no-token-of-ours\n")
    try:
        ran = command(folder, "run", "good")
    finally:
        kept.write_text(right)
    assert ran.returncode == 3, ran
    assert f"a valid token is required; at {server.url}" in ran.stderr
    assert "no-token-of-ours" not in ran.stdout + ran.stderr
    assert facts(server) == before


def test_a_second_up_ends_with_4_and_names_the_first(server: RunningServer) -> None:
    second = command(server.workspace, "up", "--port", "0")
    assert second.returncode == 4
    assert three_lines(second) == (
        f"a server already runs in this workspace (process {server.process.pid})",
        server.url,
        "use that one, or stop it first",
    )
    second = command(server.workspace, "up", "--port", "0", "--json")
    assert second.returncode == 4
    assert json.loads(second.stderr)["code"] == "conflict"
    assert facts(server) > 0
