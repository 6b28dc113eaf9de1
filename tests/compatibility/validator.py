"""The validator of OpenLineage/compatibility-tests for Tracehold as a consumer.

Goes to ``consumer/consumers/tracehold/validator`` of that suite and runs there, with the suite's
own ``scripts`` on the path:

    PYTHONPATH=scripts python consumer/consumers/tracehold/validator/validator.py
      --consumer_dir consumer/consumers/tracehold --scenario_dir consumer/scenarios
      --tracehold tracehold --target tracehold-report.json

Every scenario gets a workspace and a server of its own, for what was once recorded stays.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

Diff = Callable[[Any, Any, str], list[str]]
"""Compares what is expected with what is there; the suite's ``compare_events.diff``."""

_PATIENCE = 30.0


class Server:
    """A server that answers, by its address and token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def send(self, event: bytes) -> str:
        """Send one event; what was wrong with it."""
        try:
            self._call("lineage", event)
        except HTTPError as error:
            return f"{error.code} {error.read().decode(errors='replace')}"
        return ""

    def ask(self, question: str, **params: str | int) -> Any:
        """Ask a question."""
        return json.loads(self._call(f"{question}?{urlencode(params)}"))

    def pages(self, question: str, **params: str | int) -> Iterator[Any]:
        """All items of a question that is answered in pages."""
        after: dict[str, str] = {}
        while True:
            page = self.ask(question, limit=500, **params, **after)
            yield from page["items"]
            if not page["next"]:
                return
            after = {"after": page["next"]}

    def _call(self, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = Request(f"{self._url}/api/v1/{path}", body, headers)
        with urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
            return content


@contextmanager
def serving(command: str) -> Iterator[Server]:
    """A server on a workspace of its own, as long as it is needed."""
    words = shlex.split(command)
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder, "workspace"))
        subprocess.run([*words, "init", place], check=True, capture_output=True)
        up = [*words, "up", "--json", "--port", "0", "--workspace", place]
        with subprocess.Popen(up, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            try:
                ready = json.loads(process.stdout.readline())
                yield Server(ready["url"], ready["token"])
            finally:
                process.terminate()
                process.wait(_PATIENCE)


def state_of(server: Server, facts: int) -> dict[str, list[dict[str, Any]]]:
    """What the server shows, by kind of entity; once so many facts are folded."""
    until = time.monotonic() + _PATIENCE
    while (folded := server.ask("datasets")["known_at"]) < facts:
        if time.monotonic() > until:
            raise TimeoutError(f"only {folded} facts of {facts} are folded")
        time.sleep(0.1)
    found: dict[str, list[dict[str, Any]]] = {
        "job": [_job(server, item["ref"]) for item in server.pages("jobs")],
        "run": [_run(item) for item in server.pages("runs")],
        "dataset": [], "version": [], "edge": [], "column_edge": [],
    }  # fmt: skip
    for item in server.pages("datasets"):
        _dataset(server, item["ref"], found)
    return {kind: sorted(items, key=lambda one: one["name"]) for kind, items in found.items()}


def _job(server: Server, ref: str) -> dict[str, Any]:
    around = server.ask("job", ref=ref)["nesting"]["around"]
    return {"name": ref, "around": sorted(around)}


def _run(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["ref"],
        "state": item["state"],
        "inputs": sorted(item["inputs"]),
        "outputs": sorted(item["outputs"]),
    }


def _dataset(server: Server, ref: str, found: dict[str, list[dict[str, Any]]]) -> None:
    shown = server.ask("dataset", ref=ref)
    names = server.ask("aliases", ref=ref)["names"]
    columns = [{"field": one["field"], "type": one.get("type")} for one in shown["columns"]]
    found["dataset"].append(
        {"name": ref, "columns": columns, "names": sorted(one["alias"] for one in names)}
    )
    for one in shown["versions"]:
        found["version"].append({"name": f"{ref}@{one['version']}", "run": one["run"]})
    tables = server.ask("trace", ref=ref, direction="up", depth=1)
    refs = {node["key"]: node["ref"] for node in tables["nodes"]}
    for edge in tables["edges"]:
        if edge["type"] == "FEEDS" and refs[edge["dst"]] == ref:
            source = refs[edge["src"]]
            found["edge"].append(
                {"name": f"{source} → {ref}", "job": edge["job"], "kind": edge["kind"]}
            )
    if not columns:
        return
    traced = server.ask("trace", ref=ref, direction="up", depth=1, columns="true")
    refs = {node["key"]: node["ref"] for node in traced["nodes"]}
    for edge in traced["edges"]:
        if edge["type"] == "FEEDS_COLUMN":
            name = f"{refs[edge['src']]} → {refs[edge['dst']]}"
            found["column_edge"].append({"name": name, "direct": edge["props"]["direct"]})


def differences(
    expected: list[dict[str, Any]], shown: list[dict[str, Any]], kind: str, diff: Diff
) -> list[str]:
    """What is missing, what differs, and what nobody expected."""
    by_name = {one["name"]: one for one in shown}
    said: list[str] = []
    for one in expected:
        there = by_name.pop(one["name"], None)
        if there is None:
            said.append(f"{kind} {one['name']}, no matching entity")
        else:
            said += [f"{kind} {one['name']}, {text}" for text in diff(one, there, "")]
    return said + [f"{kind} {name} was not expected" for name in by_name]


def validate(
    server: Server, events: list[tuple[str, bytes]], tests: list[dict[str, Any]], folder: Path,
    diff: Diff,
) -> tuple[list[tuple[str, list[str]]], list[tuple[dict[str, Any], list[str]]]]:  # fmt: skip
    """One scenario.

    Args:
        server: An empty one.
        events: Names and bytes, in the order to send.
        tests: From ``config.json``.
        folder: Where their paths begin.
        diff: How to compare.

    Returns:
        What was wrong with each event, and with each test.
    """
    before = server.ask("datasets")["known_at"]
    sent = [(name, [said] if (said := server.send(event)) else []) for name, event in events]
    state = state_of(server, before + len({event for _, event in events}))
    checked = []
    for test in tests:
        expected = json.loads((folder / test["path"]).read_bytes())
        said = differences(expected, state[test["entity"]], test["entity"], diff)
        checked.append((test, said))
    return sent, checked


def main() -> None:
    """Run all scenarios of the consumer, and write the suite's report."""
    from compare_events import diff
    from report import Component, Report, Scenario, Test

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consumer_dir", type=Path, required=True)
    parser.add_argument("--scenario_dir", type=Path, required=True)
    parser.add_argument("--tracehold", default="tracehold", help="how to call it")
    parser.add_argument("--release", default="", help="accepted, for the suite's workflow")
    parser.add_argument("--target", type=Path, required=True)
    asked = parser.parse_args()
    scenarios = {}
    for folder in sorted((asked.consumer_dir / "scenarios").iterdir()):
        shared = asked.scenario_dir / folder.name
        tags = json.loads((shared / "config.json").read_bytes())
        files = sorted((shared / "events").iterdir(), key=lambda path: path.name)
        events = [(path.name, path.read_bytes()) for path in files]
        tests = json.loads((folder / "config.json").read_bytes())["tests"]
        with serving(asked.tracehold) as server:
            sent, checked = validate(server, events, tests, folder, diff)
        scenario = Scenario.simplified(
            folder.name,
            [Test.simplified(name, "syntax", "openlineage", said, tags) for name, said in sent],
        )
        more = [
            Test.simplified(test["name"], "semantics", test["entity"], said, test["tags"])
            for test, said in checked
        ]
        scenario.update(Scenario.simplified(folder.name, more))
        scenarios[folder.name] = scenario
    component = Component("tracehold", "consumer", scenarios, "", "")
    report = Report.single_component_report(component)
    asked.target.write_text(json.dumps(report.to_dict(), indent=2), "utf-8")


if __name__ == "__main__":
    main()
