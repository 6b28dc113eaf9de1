"""A workspace of tiny sources of which each but one is wrong in its own way, and how to mend it.

What is wrong stands in a row that also holds ``CANARY``: a value that no message may repeat.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from demo_workspace import RETENTION
from load import LoadSpec, events
from running_server import RunningServer
from services import CHECKOUT

from lineage.clock import system_clock
from lineage.journal.sqlite import open_journal
from tracehold.cli.main import run
from tracehold.settings import load
from tracehold.workspace import init

__all__ = [
    "CANARY",
    "SOURCES",
    "UNPACKED",
    "command",
    "estate",
    "facts",
    "facts_kept",
    "mend",
    "nothing_lost",
    "post",
    "send",
    "small_disk",
    "source_manifest",
    "spoil",
    "three_lines",
]

CANARY = "kanarienvogel-4711"

SOURCES = {
    "good": "sources/good.csv",
    "missing": "sources/missing.csv",
    "wrong_type": "sources/wrong_type.csv",
    "ragged": "sources/ragged.csv",
    "text_for_number": "sources/text_for_number.parquet",
    "corrupt": "sources/corrupt.parquet",
    "outside": "../outside.csv",
    "absolute": "/etc/passwd",
    "linked": "sources/link/linked.csv",
}
"""Name of each source, and the path that its manifest has once it is spoiled."""


def source_manifest(name: str, path: str, *, license: str = "CC0-1.0") -> str:  # noqa: A002
    """The manifest of a source with the columns ``id`` and ``value``."""
    form = Path(path).suffix.removeprefix(".")
    return f"""\
kind: dataset
name: {name}
stage: source
owner: team:test
source:
  path: {path}
  format: {form if form == "parquet" else "csv"}
collection: {{method: feeds, from: 2020-01-01, to: 2020-12-31, supplier: a test}}
license: {license}
purposes: [dpv:ResearchAndDevelopment]
legal_basis: not-personal
region: DE
write_mode: overwrite
retention: short
columns: {{id: int64, value: int64}}
"""


def estate(folder: Path, *names: str) -> Path:
    """A workspace with the sources named (all where none is), each in order yet."""
    chosen = names or tuple(SOURCES)
    samples = {"manifests/retention.yaml": RETENTION}
    for name in chosen:
        samples[f"manifests/{name}.yaml"] = source_manifest(name, SOURCES[name])
    init(folder, name="faults", samples=samples)
    mend(folder, *chosen)
    return folder


def mend(folder: Path, *names: str) -> None:
    """Put sources in order: the files, and the paths in the manifests."""
    link = folder / "sources/link"
    if link.is_symlink():
        link.unlink()
    for name in names:
        path = Path("sources") / f"{name}{Path(SOURCES[name]).suffix or '.csv'}"
        (folder / f"manifests/{name}.yaml").write_text(source_manifest(name, str(path)))
        if path.suffix == ".parquet":
            pq.write_table(pa.table({"id": [1, 2], "value": [3, 4]}), folder / path)
        else:
            (folder / path).write_text("id,value\n1,3\n2,4\n")


def spoil(folder: Path) -> None:
    """Spoil every source of the whole estate but ``good``, each in its own way."""
    sources = folder / "sources"
    for name in ("outside", "absolute", "linked"):
        manifest = source_manifest(name, SOURCES[name])
        (folder / f"manifests/{name}.yaml").write_text(manifest)
    (sources / "missing.csv").unlink()
    (sources / "wrong_type.csv").write_text(f"id,value\n1,3\n2,{CANARY}\n")
    (sources / "ragged.csv").write_text(f"id,value\n1,3\n2,4,{CANARY}\n")
    text = pa.table({"id": [1], "value": [CANARY]})
    pq.write_table(text, sources / "text_for_number.parquet")
    pq.write_table(text, sources / "corrupt.parquet", compression="none")
    whole = (sources / "corrupt.parquet").read_bytes()
    (sources / "corrupt.parquet").write_bytes(whole[: len(whole) // 2])
    outside = folder.parent / "elsewhere"
    outside.mkdir()
    for path in (folder.parent / "outside.csv", outside / "linked.csv"):
        path.write_text(f"id,value\n1,3\n2,{CANARY}\n")
    (sources / "link").symlink_to(outside)


UNPACKED = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "clients" / "dagster")])
"""Where Python finds our packages in a checkout that is not installed."""


def command(
    workspace: Path, *words: str, environment: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """A command as a user types it in the workspace, also from an unpacked checkout."""
    return subprocess.run(
        [sys.executable, "-m", "tracehold", *words, "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": UNPACKED, **(environment or {})},
    )


def post(server: RunningServer, count: int, *, namespace: str = "before") -> list[str]:
    """Send events that are acknowledged; returns the receipts."""
    sent = events(LoadSpec(jobs=10, levels=2, columns=3, runs=count // 2, namespace=namespace))
    return send(server, sent)


def send(server: RunningServer, sent: Iterable[bytes]) -> list[str]:
    """Send events one by one, all of which are acknowledged; returns the receipts."""
    receipts = []
    with closing(server.client()) as client:
        for event in sent:
            status, answer = client.post("/api/v1/lineage", event)
            assert status == http.client.CREATED, answer
            receipts.append(json.loads(answer)["receipt"])
    return receipts


def facts(server: RunningServer) -> int:
    """The size of the journal."""
    with closing(server.client()) as client:
        return int(client.json("/health")["journal"])


def nothing_lost(folder: Path, receipts: Sequence[str]) -> None:
    """Every receipt has its fact, the journal holds, the state is what a rebuild gives."""
    facts_kept(folder, receipts)
    for words in ("journal verify", "dataset list", "journal rebuild --dry-run"):
        assert run([*words.split(), "--workspace", str(folder)]) == 0, words


def facts_kept(folder: Path, receipts: Sequence[str]) -> None:
    """Every receipt has its fact, with a part that can be read."""
    settings = load(folder)
    storage = settings.storage
    journal = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )
    with closing(journal):
        for receipt in receipts:
            assert journal.get(receipt).distilled is not None


def three_lines(said: CompletedProcess[str]) -> tuple[str, str, str]:
    """What, where and what to do, as a terminal shows them."""
    assert not said.stdout
    what, where, advice = said.stderr.splitlines()
    assert what.startswith("error: ")
    assert where.startswith("where: ")
    assert advice.startswith("do:    ")
    return what[7:], where[7:], advice[7:]


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
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
