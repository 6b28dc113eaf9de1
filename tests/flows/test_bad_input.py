"""What goes wrong on the way in: a clear error, the right exit code, nothing lost, no value told.

Everything is done as a user does it: manifests and files in a workspace, the command line, a real
server, real runs of the pipeline.
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import urlsplit

import pytest
from fault_estate import CANARY, SOURCES, command, estate, mend, source_manifest, spoil
from load import LoadSpec, events
from running_server import Client, RunningServer, make_workspace, serving
from services import CHECKOUT

from catalog.facets import license_facet, model_facet, training_facet
from lineage.clock import system_clock
from lineage.journal.sqlite import open_journal
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
        receipts = _post(server, 20)
        spoiled = command(folder, "run", "--json")
        mend(folder, *SPOILED)
        mended = command(folder, "run", "--json")
        yield Spoiled(server, receipts, checked, as_json, spoiled, mended)


@pytest.fixture(scope="module")
def server(spoiled: Spoiled) -> RunningServer:
    return spoiled.server


def _post(server: RunningServer, count: int, *, namespace: str = "before") -> list[str]:
    """Send events that are acknowledged; returns the receipts."""
    sent = events(LoadSpec(jobs=10, levels=2, columns=3, runs=count // 2, namespace=namespace))
    receipts = []
    with closing(server.client()) as client:
        for event in sent:
            status, answer = client.post("/api/v1/lineage", event)
            assert status == http.client.CREATED, answer
            receipts.append(json.loads(answer)["receipt"])
    return receipts


def _facts(server: RunningServer) -> int:
    with closing(server.client()) as client:
        return int(client.json("/health")["journal"])


def _nothing_lost(folder: Path, receipts: Sequence[str]) -> None:
    """Every receipt has its fact, the journal holds, the state is what a rebuild gives."""
    settings = load(folder)
    storage = settings.storage
    journal = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )
    with closing(journal):
        for receipt in receipts:
            assert journal.get(receipt).distilled is not None
    assert command(folder, "journal", "verify").returncode == 0
    assert command(folder, "dataset", "list").returncode == 0
    assert command(folder, "journal", "rebuild", "--dry-run").returncode == 0


def _three_lines(said: CompletedProcess[str]) -> tuple[str, str, str]:
    """What, where and what to do, as a terminal shows them."""
    assert not said.stdout
    what, where, advice = said.stderr.splitlines()
    assert what.startswith("error: ")
    assert where.startswith("where: ")
    assert advice.startswith("do:    ")
    return what[7:], where[7:], advice[7:]


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
    _nothing_lost(spoiled.server.workspace, spoiled.acknowledged)


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
    before = _facts(server)
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
    assert _facts(server) == before


def test_a_wrong_token_is_told_so_and_changes_nothing(server: RunningServer) -> None:
    folder, before = server.workspace, _facts(server)
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
    assert f"the token of the step is not accepted; at {server.url}" in ran.stderr
    assert "no-token-of-ours" not in ran.stdout + ran.stderr
    assert _facts(server) == before


def test_a_second_up_ends_with_4_and_names_the_first(server: RunningServer) -> None:
    second = command(server.workspace, "up", "--port", "0")
    assert second.returncode == 4
    assert _three_lines(second) == (
        f"a server already runs in this workspace (process {server.process.pid})",
        server.url,
        "use that one, or stop it first",
    )
    second = command(server.workspace, "up", "--port", "0", "--json")
    assert second.returncode == 4
    assert json.loads(second.stderr)["code"] == "conflict"
    assert _facts(server) > 0


@contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk of ``size`` bytes at the folder; the test is skipped where none can be had."""
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if not mounted or mounted.returncode:
        pytest.skip("only root can mount a small disk; a file that may not grow stands for it")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _post_until_refused(server: RunningServer) -> tuple[list[str], bytes, int, bytes]:
    """Receipts, and the event that was refused with the answer to it."""
    receipts: list[str] = []
    with closing(server.client()) as client:
        for event in events(LoadSpec(jobs=100, levels=5, columns=4, runs=2_000, namespace="full")):
            status, answer = client.post("/api/v1/lineage", event)
            if status != http.client.CREATED:
                return receipts, event, status, answer
            receipts.append(json.loads(answer)["receipt"])
    raise AssertionError("the disk was never full")


def _refused_for_want_of_disk(server: RunningServer, status: int, answer: bytes) -> None:
    said = json.loads(answer)
    assert (status, said["code"]) == (503, "unavailable")
    assert said["what"].startswith("the journal is read-only since a write failed (SQLITE_")
    assert said["advice"].endswith("what was acknowledged is safe")
    with closing(server.client()) as client:
        status, health = client.get("/health")
    assert status == http.client.SERVICE_UNAVAILABLE
    assert json.loads(health)["writable"] is False


def test_on_a_full_disk_what_was_acknowledged_is_safe_and_work_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with _small_disk(tmp_path, 16 << 20):
        folder = make_workspace(tmp_path / "workspace")
        with serving(folder) as server:
            _post(server, 20)
            while _lag(server):
                time.sleep(0.05)
            ballast = tmp_path / "ballast"
            # So much is left that the state is the first to find none.
            ballast.write_bytes(b"x" * (shutil.disk_usage(tmp_path).free - 1_000_000))
            receipts, event, status, answer = _post_until_refused(server)
            _refused_for_want_of_disk(server, status, answer)
            acted = command(folder, "user", "add", "zoe", "--role", "auditor")
            assert acted.returncode == 3, acted
            assert "SQLITE_FULL" in _three_lines(acted)[0]
        rest = tmp_path / "rest"
        rest.write_bytes(b"x" * shutil.disk_usage(tmp_path).free)
        started = command(folder, "up", "--port", "0")
        assert started.returncode == 3, started
        assert "No space left on device" in _three_lines(started)[0]
        ballast.unlink()
        rest.unlink()
        with serving(folder) as server, closing(server.client()) as client:
            assert client.post("/api/v1/lineage", event)[0] == http.client.CREATED
            assert command(folder, "user", "add", "zoe", "--role", "auditor").returncode == 0
        assert receipts
        _nothing_lost(folder, receipts)


def test_a_journal_that_may_not_grow_is_read_only_and_loses_nothing(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        acknowledged = _post(server, 20)
        grown = max(path.stat().st_size for path in (folder / ".tracehold").iterdir())
        limit = grown + 100_000
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        receipts, event, status, answer = _post_until_refused(server)
        _refused_for_want_of_disk(server, status, answer)
        acted = command(folder, "user", "add", "zoe", "--role", "auditor")
        assert acted.returncode == 3, acted
        _three_lines(acted)
    with serving(folder) as server, closing(server.client()) as client:
        assert client.post("/api/v1/lineage", event)[0] == http.client.CREATED
    _nothing_lost(folder, [*acknowledged, *receipts])


def _lag(server: RunningServer) -> int:
    with closing(server.client()) as client:
        return int(client.json("/health")["lag"])


class Run:
    """``tracehold run`` in the background, and what it says."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tracehold", "run", "--json", "--workspace", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        self._heard: list[str] = []
        self._first = threading.Event()
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._heard.append(line)
            if "made" in line:
                self._first.set()
        self._first.set()

    def await_first(self) -> None:
        """Return once the first asset is made."""
        assert self._first.wait(120)
        assert any("made" in line for line in self._heard), self._heard

    def end(self) -> tuple[int, dict[str, Any], str]:
        """Exit code, answer, what it said."""
        self._listening.join()
        with self._process as process:
            assert process.stdout is not None
            answer = json.loads(process.stdout.read())
        return process.returncode, answer, "".join(self._heard)


def test_a_run_whose_server_is_killed_ends_with_3_and_can_be_repeated(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        acknowledged = _post(server, 20)
        running = Run(folder)
        running.await_first()
        server.kill()
        code, answer, said = running.end()
    assert code == 3, said
    assert answer["made"] == ["parcels"]
    (failed,) = answer["failed"]
    assert failed["reason"] == (
        f"the Tracehold server cannot be reached; at {server.url};"
        " start it with tracehold up, then run the step again"
    )
    assert "Traceback" not in said
    with serving(folder):
        again = command(folder, "run", "--json")
        assert again.returncode == 0, again.stderr
        assert len(json.loads(again.stdout)["made"]) == 3
    _nothing_lost(folder, acknowledged)


def test_a_run_outlives_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        acknowledged = _post(server, 20)
        running = Run(folder)
        running.await_first()
        server.kill()
    with serving(folder, port=urlsplit(server.url).port or 0):
        code, answer, said = running.end()
        assert code == 0, said
        assert not answer["failed"]
        assert command(folder, "trace", "model:late_parcels@1").returncode == 0
    _nothing_lost(folder, acknowledged)
