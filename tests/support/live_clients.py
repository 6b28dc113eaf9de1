"""Other people's programs that emit OpenLineage, unchanged, and what the server made of them.

Each lives in an environment of its own below ``.clients/``, made by ``make clients`` with pinned
versions; ``services.client_home`` finds it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from running_server import RunningServer
from services import client_home
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lineage.openlineage.read import KIND
from tracehold.bootstrap import open_services
from tracehold.settings import load

__all__ = [
    "DAGSTER_OPENLINEAGE",
    "DBT_ON_SPARK",
    "DBT_PROJECT",
    "Asked",
    "Recorder",
    "airflow",
    "asking",
    "dagster",
    "dbt",
    "graph_digest",
    "received",
    "recording",
    "settle",
    "spark",
]

FOLDER = Path(__file__).resolve().parents[1] / "clients"
DBT_PROJECT = FOLDER / "dbt_project"
DBT_ON_SPARK = FOLDER / "dbt_on_spark"
_SECONDS = 300.0


def _run(words: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a client; returns what it said. Whether it succeeded is for the caller to look at."""
    done = subprocess.run(
        list(map(str, words)),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return f"{done.stdout}\nended with {done.returncode}"


def _programs(name: str) -> Path:
    home = client_home(name)
    assert home is not None, f"{name} is not installed: make clients"
    return home / "bin"


def dbt(
    project: Path,
    url: str,
    token: str,
    *words: str,
    structured: bool = False,
    source: Path = DBT_PROJECT,
) -> str:
    """Run ``dbt-ol`` in a copy of a project, reporting to ``url``; returns what it said.

    Args:
        project: The copy, made where it is not there; the project may read what lies beside it.
        url: Where it reports to.
        token: Its API key.
        words: Of dbt's command line.
        structured: Whether the wrapper follows dbt's log instead of reading its artifacts.
        source: The project.
    """
    programs = _programs("dbt")
    if not project.exists():
        shutil.copytree(source, project)
    return _run(
        [
            programs / "dbt-ol",
            *(["--consume-structured-logs"] if structured else []),
            *words,
            *("--project-dir", project, "--profiles-dir", project),
        ],
        project,
        {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "SHOP_DATABASE": str(project / "shop.duckdb"),
            "SHOP_FOLDER": str(project.parent),
            "OPENLINEAGE_URL": url,
            "OPENLINEAGE_API_KEY": token,
            "OPENLINEAGE_NAMESPACE": "dbt",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        },
    )


def spark(
    script: str, folder: Path, url: str, token: str, *, gzip: bool = False, memory: str = "1g"
) -> str:
    """Run a script of ``tests/clients/spark`` with the OpenLineage listener; returns what it said.

    Args:
        script: Its name.
        folder: Handed to it; files and tables lie there.
        url: Where the listener reports to.
        token: Its API key.
        gzip: Whether it packs what it sends.
        memory: Of the one process.
    """
    home = client_home("spark")
    assert home is not None, "spark is not installed: make clients"
    (jar,) = home.glob("openlineage-spark_*.jar")
    settings = {
        "spark.extraListeners": "io.openlineage.spark.agent.OpenLineageSparkListener",
        "spark.openlineage.transport.type": "http",
        "spark.openlineage.transport.url": url,
        "spark.openlineage.transport.auth.type": "api_key",
        "spark.openlineage.transport.auth.apiKey": token,
        "spark.openlineage.namespace": "spark",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        **({"spark.openlineage.transport.compression": "gzip"} if gzip else {}),
    }
    return _run(
        [
            home / "bin" / "spark-submit",
            *("--master", "local[1]", "--driver-memory", memory, "--jars", jar),
            *(word for name, value in settings.items() for word in ("--conf", f"{name}={value}")),
            *(FOLDER / "spark" / script, folder),
        ],
        folder,
        {"PYSPARK_PYTHON": str(home / "bin" / "python"), "SPARK_LOCAL_IP": "127.0.0.1"},
    )


def airflow(folder: Path, url: str, token: str, dag: str) -> str:
    """Run a DAG of ``tests/clients/airflow`` once, in this process; returns what was said."""
    programs = _programs("airflow")
    transport = {"type": "http", "url": url, "auth": {"type": "api_key", "apiKey": token}}
    environment = {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "airflow",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_SHOP": json.dumps({"conn_type": "sqlite", "host": f"{folder}/shop.db"}),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    said = _run([programs / "airflow", "db", "migrate"], folder, environment)
    return said + _run([programs / "airflow", "dags", "test", dag], folder, environment)


DAGSTER_OPENLINEAGE = """\
event_log_storage:
  module: dagster_openlineage
  class: OpenLineageEventLogStorage
  config:
    namespace: dagster
    wrapped:
      module: dagster._core.storage.event_log
      class: SqliteEventLogStorage
      config: {base_dir: history}
telemetry: {enabled: false}
"""
"""Settings of an instance whose event log reports by itself."""


def dagster(folder: Path, url: str, token: str) -> str:
    """Materialize the assets of ``tests/clients/dagster_project`` once; returns what was said."""
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(DAGSTER_OPENLINEAGE)
    return _run(
        [_programs("dagster") / "python", FOLDER / "dagster_project" / "shop.py"],
        home,
        {
            "DAGSTER_HOME": str(home),
            "OPENLINEAGE_URL": url,
            "OPENLINEAGE_API_KEY": token,
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )


@dataclass
class Asked:
    """What a server knows, by short names, once it has folded everything.

    Attributes:
        server: The server that is asked.
    """

    server: RunningServer

    def json(self, path: str, **query: str | int) -> Any:
        """The answer to a question."""
        client = self.server.client()
        try:
            return client.json(f"/api/v1/{path}", **query)
        finally:
            client.close()

    def outcomes(self) -> dict[str, int]:
        """How many events were answered how, since the server started."""
        client = self.server.client()
        try:
            text = client.get("/metrics")[1].decode()
        finally:
            client.close()
        found = re.findall(r'^tracehold_events_total\{outcome="(.+)"\} (\d+)$', text, re.MULTILINE)
        return {outcome: int(count) for outcome, count in found}

    def named(self, kind: str, ending: str) -> list[str]:
        """References of all things of a kind whose name ends so; kind in the plural."""
        items = self.json(kind, limit=1000)["items"]
        return sorted(one["ref"] for one in items if str(one["name"]).endswith(ending))

    def one(self, kind: str, ending: str) -> str:
        """The reference of the one thing of a kind whose name ends so."""
        (found,) = self.named(kind, ending)
        return found

    def runs(self, job: str = "") -> list[dict[str, Any]]:
        """Runs of a job, or all, newest first."""
        found: list[dict[str, Any]] = self.json(
            "runs", limit=1000, **({"job": job} if job else {})
        )["items"]
        return found

    def trace(self, ref: str, direction: str = "up", **query: str | int) -> dict[str, Any]:
        """A trace."""
        found: dict[str, Any] = self.json("trace", ref=ref, direction=direction, **query)
        return found

    def edges(self, ref: str, direction: str = "up", **query: str | int) -> list[dict[str, Any]]:
        """Edges of a trace, their ends as references."""
        found = self.trace(ref, direction, **query)
        refs = {node["key"]: node["ref"] for node in found["nodes"]}
        return [
            {**edge, "src": refs[edge["src"]], "dst": refs[edge["dst"]]} for edge in found["edges"]
        ]


def settle(server: RunningServer) -> int:
    """Wait until everything durable is folded; returns the size of the journal."""
    client = server.client()
    try:
        until = time.monotonic() + 120
        while (health := client.json("/health"))["lag"]:
            assert time.monotonic() < until, health
            time.sleep(0.02)
        return int(health["journal"])
    finally:
        client.close()


def asking(server: RunningServer) -> Asked:
    """What a server knows now, everything folded."""
    settle(server)
    return Asked(server)


def received(workspace: Path) -> list[bytes]:
    """Every event of a journal, as the fold reads it, sorted."""
    with open_services(load(workspace), write=False) as services:
        facts = services.journal.read(0, 100_000)
    return sorted(fact.body or b"" for fact in facts if fact.kind == KIND)


def graph_digest(workspace: Path) -> str:
    """Digest of the graph that a workspace's journal was folded to, read back."""
    with open_services(load(workspace), write=False) as services:
        assert services.journal.head().size == services.state.position()
        return services.sql_graph().digest()


@dataclass
class Recorder:
    """What passed by, in order: bodies as sent, with their encoding.

    Attributes:
        url: Where clients send to.
        bodies: (body, content encoding).
        statuses: What came back for each.
        doors: Held shut before the body of a number, counted from 1, is passed on.
    """

    url: str = ""
    bodies: list[tuple[bytes, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    doors: dict[int, threading.Event] = field(default_factory=dict)
    arrived: int = 0
    news: threading.Condition = field(default_factory=threading.Condition)

    def await_arrivals(self, count: int) -> None:
        """Return once so many came, passed on or not."""
        with self.news:
            assert self.news.wait_for(lambda: self.arrived >= count, timeout=_SECONDS)

    def enter(self) -> None:
        """One more came; return once it may be passed on."""
        with self.news:
            self.arrived += 1
            door = self.doors.get(self.arrived)
            self.news.notify_all()
        if door is not None:
            assert door.wait(_SECONDS)


@contextmanager
def recording(to: str) -> Iterator[Recorder]:
    """A listening point that notes every event and passes it on unchanged, with its answer."""
    recorder = Recorder()
    address = urlsplit(to)

    def forward(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        recorder.enter()
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=_SECONDS
        )
        try:
            connection.request("POST", "/api/v1/lineage", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        kept = ("authorization", "content-type", "content-encoding")
        headers = {name: value for name, value in request.headers.items() if name in kept}
        status, text = await run_in_threadpool(forward, body, headers)
        with recorder.news:
            recorder.bodies.append((body, headers.get("content-encoding", "")))
            recorder.statuses.append(status)
            recorder.news.notify_all()
        await Response(text, status)(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        recorder.url = f"http://127.0.0.1:{port}"
        yield recorder
    finally:
        server.should_exit = True
        thread.join(30)
