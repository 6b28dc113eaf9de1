"""The sample projects of Dagster: played under one of its versions, and the graph they give."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services import CHECKOUT, client_home
from tracehold_world import Api, Clockwork, services_of, workspace

from lineage.clock import parse_millis
from lineage.graph.port import OPEN, Edge
from lineage.graph.sql import SqlGraph
from tracehold.questions import answer
from tracehold.questions.entities import ref_of_key

__all__ = ["SAMPLES", "VERSIONS", "Told", "played", "telling"]

_FOLDER = CHECKOUT / "tests" / "clients" / "dagster_samples"
SAMPLES = sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem != "playing")
VERSIONS = ("1.11", "1.12", "1.13")
"""The last one is that of the environment the tests run in."""
_SECONDS = 600.0
_RUN = re.compile(r"run:\[\w+]\S+")


def _python(version: str) -> Path | str:
    if version == VERSIONS[-1]:
        return sys.executable
    home = client_home(f"dagster-{version}")
    assert home is not None, f"Dagster {version} is not installed: make clients"
    return home / "bin" / "python"


def played(version: str, folder: Path, samples: Sequence[str] = SAMPLES) -> Path:
    """Play samples under a version of Dagster; returns the folder with their events."""
    done = subprocess.run(
        [str(_python(version)), "playing.py", str(folder), *samples],
        cwd=_FOLDER,
        env={
            **{key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"},
            "PYTHONPATH": str(CHECKOUT / "clients" / "dagster"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return folder


class Told:
    """A workspace that was told what is reported of samples.

    Attributes:
        api: What it is asked by.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self._runs: dict[str, list[str]] = {}

    def take(self, sample: str, events: Sequence[dict[str, Any]]) -> None:
        """Send the events of a sample and fold them; its runs are numbered as they come."""
        sent = self.api.send(
            "POST", "/api/v1/lineage/batch", token=self.api.token(), json=list(events)
        ).json()
        assert sent["summary"]["successful"] == len(events), sent
        self.api.services.catch_up()
        runs = self._runs.setdefault(sample, [])
        for event in events:
            if "run" not in event:
                continue
            job = event["job"]
            ref = f"run:[{job['namespace']}]{job['name']}/{event['run']['runId']}"
            if ref not in runs:
                runs.append(ref)

    def ask(self, name: str, **params: Any) -> Any:
        """The answer to a question."""
        return answer(self.api.services, name, params)

    def graph(self) -> SqlGraph:
        """The graph in SQL."""
        return self.api.services.sql_graph()

    def text(self, sample: str) -> str:
        """All that is known of a sample, with neither ids nor times."""
        parts = (self._told_runs(sample), self._datasets(sample), self._edges(sample))
        return "".join(f"{line}\n" for part in parts for line in part)

    def _number(self, sample: str, ref: str) -> str:
        runs = self._runs[sample]
        return f"run {runs.index(ref) + 1}" if ref in runs else "a run that was not seen"

    def _maker(self, sample: str, read: dict[str, Any]) -> str:
        return f" of {self._number(sample, read['made_by'])}" if read["made_by"] else ""

    def _told_runs(self, sample: str) -> Iterator[str]:
        for ref in self._runs[sample]:
            run = self.ask("run", ref=ref)
            around = run["nesting"]["around"]
            within = f" within {self._number(sample, around)}" if around else ""
            yield f"{self._number(sample, ref)}: {run['job']} {run['state']}{within}"
            inputs = self.ask("inputs", ref=ref)["items"]
            for read in sorted(inputs, key=lambda one: str(one["ref"])):
                yield f"  reads {read['ref']}{self._maker(sample, read)} ({read['how']})"
                for part in read["partitions"]:
                    yield f"    partition {part['partition']}{self._maker(sample, part)}"
            for written in sorted(run["outputs"]):
                yield f"  writes {written}"

    def _datasets(self, sample: str) -> Iterator[str]:
        for item in self.ask("datasets", limit=1000)["items"]:
            if sample not in item["namespace"]:
                continue
            told = self.ask("dataset", ref=item["ref"])
            yield item["ref"]
            for column in told["columns"]:
                yield f"  column {json.dumps(column, sort_keys=True)}"
            for aspect, points in sorted(told["aspects"].items()):
                for point in points:
                    slot = f" {point['slot']}" if point["slot"] else ""
                    yield f"  {aspect}{slot}: {json.dumps(point['value'], sort_keys=True)}"

    def _edges(self, sample: str) -> Iterator[str]:
        told = (self._edge(sample, edge) for edge in self.graph().all_edges())
        yield from sorted(line for line in told if line)

    def _edge(self, sample: str, edge: Edge) -> str:
        src, dst = (ref_of_key(self.api.services, key) for key in (edge.src, edge.dst))
        # Agents have no name that is the same in every workspace; the owners stand above.
        if f"[{sample}]" not in f"{src}{dst}" or edge.type == "OWNED_BY":
            return ""
        ended = ", ended" if edge.structural and edge.structural[-1][1] != OPEN else ""
        line = f"{edge.type} {src} -> {dst} ({edge.kind}{ended})"
        return _RUN.sub(lambda found: self._number(sample, found[0]), line)


@contextmanager
def telling(events: Path, folder: Path, samples: Sequence[str] = SAMPLES) -> Iterator[Told]:
    """A workspace in a folder that was told all that lies in another one, a sample at a time."""
    read = {
        sample: [json.loads(line) for line in path.read_bytes().splitlines()]
        for sample in samples
        for path in [events / f"{sample}.ndjson"]
    }
    last = max(parse_millis(one["eventTime"]) for all_ in read.values() for one in all_)
    settings = workspace(folder / "workspace")
    with services_of(settings, clock=Clockwork(last + 1_000)) as services:
        told = Told(Api(services, settings))
        for sample, sent in read.items():
            told.take(sample, sent)
        yield told
