"""Runs of dbt: ``run_results.json`` as runs of the jobs, and tests as assertions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from lineage.facts import Json
from tracehold.imports.dbt_nodes import TABLES, job_name
from tracehold.imports.events import Facets, Item, Writer
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name
from tracehold.imports.report import Report
from tracehold.imports.values import members, parts, text, texts

__all__ = ["Known", "command_of", "results"]

_RUNNING: Final = frozenset({"run", "build", "test", "seed", "snapshot", "retry", "clone"})
_FAILED: Final = frozenset({"error", "fail", "runtime error"})
_DONE: Final = frozenset({"success", "pass", "warn"})
_GENERIC: Final = ("model.", "source.", "seed.", "snapshot.")


@dataclass(frozen=True, slots=True)
class Known:
    """What the manifest says, as the results need it.

    Attributes:
        nodes: Nodes and sources by id.
        names: Their tables.
        inputs: The tables that a node reads.
        called: What the warehouse calls a column of a node.
        project: Name of the project.
        job_namespace: Of the jobs.
        tested: Filled with the tests that have a result.
    """

    nodes: Mapping[str, Mapping[str, Json]]
    names: Mapping[str, Name]
    inputs: Callable[[str], list[Name]]
    called: Callable[[str, str], str]
    project: str
    job_namespace: str
    tested: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Span:
    first: int
    last: int


def command_of(artifact: Mapping[str, Json]) -> str:
    """The command of dbt that wrote results: ``run``, ``build`` …; empty where it is not said."""
    return text(members(artifact.get("args")).get("which"))


def results(
    artifact: Mapping[str, Json], known: Known, writer: Writer, report: Report
) -> Iterator[Item]:
    """The runs that one invocation of dbt made, and what its tests found.

    Args:
        artifact: ``run_results.json``.
        known: The manifest.
        writer: Writes the events.
        report: Told of results that are not mapped.
    """
    metadata = artifact["metadata"]
    command = command_of(artifact)
    if command and command not in _RUNNING:
        # dbt compile and dbt docs generate call success what they only compiled.
        count = len(parts(artifact.get("results")))
        report.skip(f"results of dbt {command}", "nothing ran", "run_results.json", count)
        return
    invocation = text(metadata.get("invocation_id")) or writer.digest(artifact.get("results"))
    at = moment(metadata.get("generated_at"))
    invoked = _Invocation(known, writer, report, invocation, at, built=command == "build")
    for result in parts(artifact.get("results")):
        yield from invoked.result(result)
    yield from invoked.assertions()
    yield from invoked.outer()


class _Invocation:
    def __init__(
        self,
        known: Known,
        writer: Writer,
        report: Report,
        invocation: str,
        at: int,
        *,
        built: bool,
    ) -> None:
        self.built = built
        self.known, self.writer, self.report = known, writer, report
        self.invocation, self.at = invocation, at
        self.spans: list[_Span] = []
        self.failed = False
        self.tests: dict[str, list[tuple[_Span, Facets, bool]]] = {}

    def result(self, result: Mapping[str, Json]) -> Iterator[Item]:
        uid, status = text(result.get("unique_id")), text(result.get("status")).lower()
        node = self.known.nodes.get(uid)
        if node is None:
            self.report.skip(
                "results of unknown nodes", "the manifest is of another invocation", uid
            )
        elif status not in _FAILED | _DONE:
            self.report.skip("results that say nothing of data", "the node did not run", uid)
        elif node.get("resource_type") == "test":
            self.test(uid, node, result, status)
        elif uid in self.known.names and node.get("resource_type") in TABLES:
            yield from self.run(uid, node, result, status)
        else:
            self.report.skip(f"results of kind {node.get('resource_type')}", "it has no table", uid)

    def span(self, result: Mapping[str, Json]) -> _Span:
        times = [
            at
            for timing in parts(result.get("timing"))
            for member in ("started_at", "completed_at")
            if (at := moment(timing.get(member)))
        ]
        span = _Span(min(times), max(times)) if times else _Span(self.at, self.at)
        self.spans.append(span)
        return span

    def run(
        self, uid: str, node: Mapping[str, Json], result: Mapping[str, Json], status: str
    ) -> Iterator[Item]:
        span, writer = self.span(result), self.writer
        good = status not in _FAILED
        self.failed |= not good
        run = {"runId": writer.run_id(self.invocation, uid), "facets": self.parent()}
        kind = text(node.get("resource_type")).upper()
        name = Name(self.known.job_namespace, job_name(node, uid, built=self.built))
        job = writer.named(name, writer.job_type("DBT", kind))
        where = f"{self.invocation} {uid}"
        yield writer.run_event("START", span.first, run, job, where)
        inputs = [writer.named(name) for name in self.known.inputs(uid)]
        outputs = []
        if good:
            rows = members(result.get("adapter_response")).get("rows_affected")
            facets = {}
            if isinstance(rows, int) and rows >= 0:
                facets = writer.facet("outputStatistics", rowCount=rows)
            outputs = [writer.named(self.known.names[uid], outputFacets=facets)]
        state: Literal["COMPLETE", "FAIL"] = "COMPLETE" if good else "FAIL"
        yield writer.run_event(state, span.last, run, job, where, inputs=inputs, outputs=outputs)

    def test(
        self, uid: str, node: Mapping[str, Json], result: Mapping[str, Json], status: str
    ) -> None:
        self.known.tested.add(uid)
        subject = self.subject(node)
        if subject is None:
            self.report.skip("results of tests of no single table", "whom they judge is open", uid)
            return
        generic = members(node.get("test_metadata"))
        arguments = members(generic.get("kwargs"))
        severity = text(members(node.get("config")).get("severity")).lower()
        failures = result.get("failures")
        assertion: Facets = {
            "assertion": text(generic.get("name")) or text(node.get("name")) or uid,
            "success": status == "pass",
        }
        if column := text(node.get("column_name")) or text(arguments.get("column_name")):
            assertion["column"] = self.known.called(subject, column)
        if severity in ("warn", "error"):
            assertion["severity"] = severity
        if isinstance(failures, int):
            assertion |= {"expected": "0", "actual": str(failures)}
        bad = status in _FAILED
        self.failed |= bad
        self.tests.setdefault(subject, []).append((self.span(result), assertion, bad))

    def subject(self, node: Mapping[str, Json]) -> str | None:
        """The table that a test judges: the one it is attached to, else the last that it names."""
        attached = node.get("attached_node")
        if isinstance(attached, str) and attached in self.known.names:
            return attached
        parents = texts(members(node.get("depends_on")).get("nodes"))
        fitting = [one for one in parents if one.startswith(_GENERIC) and one in self.known.names]
        return fitting[-1] if fitting else None

    def assertions(self) -> Iterator[Item]:
        """One run per table that was tested, as dbt-ol reports it."""
        writer = self.writer
        for uid, tests in self.tests.items():
            made = sorted((one for _, one, _ in tests), key=writer.digest)
            facets = writer.facet("dataQualityAssertions", assertions=made)
            node = self.known.nodes[uid]
            name = job_name(node, uid, built=self.built, tests=True)
            job = writer.named(Name(self.known.job_namespace, name), writer.job_type("DBT", "TEST"))
            run = {"runId": writer.run_id(self.invocation, uid, "test"), "facets": self.parent()}
            state: Literal["COMPLETE", "FAIL"] = (
                "FAIL" if any(bad for *_, bad in tests) else "COMPLETE"
            )
            tested = writer.named(self.known.names[uid], inputFacets=facets)
            at = max(span.last for span, *_ in tests)
            where = f"{self.invocation} {uid} test"
            yield writer.run_event(state, at, run, job, where, inputs=[tested])

    def outer(self) -> Iterator[Item]:
        """The invocation itself, the parent of all its runs."""
        if not self.spans:
            return
        job = self.writer.named(self.job())
        run = {"runId": self.run_id()}
        first = min(span.first for span in self.spans)
        last = max(self.at, *(span.last for span in self.spans))
        state: Literal["COMPLETE", "FAIL"] = "FAIL" if self.failed else "COMPLETE"
        yield self.writer.run_event("START", first, run, job, self.invocation)
        yield self.writer.run_event(state, last, run, job, self.invocation)

    def job(self) -> Name:
        return Name(self.known.job_namespace, f"dbt-run-{self.known.project}")

    def run_id(self) -> str:
        return self.writer.run_id(self.invocation)

    def parent(self) -> Facets:
        job = self.job()
        return self.writer.facet(
            "parent",
            run={"runId": self.run_id()},
            job={"namespace": job.namespace, "name": job.name},
        )
