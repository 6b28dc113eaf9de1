"""Running imports in tests: every format over its sample, and the estate that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dbt_samples
import import_samples as samples
import msgspec
from tracehold_world import Clockwork, services_of, workspace

from lineage.trace.resolve import resolve
from tracehold.imports import archive, croissant, datahub, dbt, marquez, mlflow, snowflake, unity
from tracehold.imports.delivery import Local, Tally, carry
from tracehold.imports.events import Item
from tracehold.imports.files import document
from tracehold.imports.mlflow_store import from_files
from tracehold.imports.report import Report
from tracehold.imports.web import Web
from tracehold.questions import answer
from tracehold.services import Services
from tracehold.workspace import read_token

__all__ = ["FORMATS", "Estate", "estate_of", "events_of", "left_of"]


def _openlineage(folder: Path, _: Report) -> Iterable[Item]:
    return archive.read(samples.archive(folder))


def _dbt(folder: Path, report: Report) -> Iterable[Item]:
    artifacts = dbt.load(dbt_samples.dbt_project(folder))
    return dbt.read(artifacts, namespace=samples.PG, job_namespace="dbt", report=report)


def _datahub(folder: Path, report: Report) -> Iterable[Item]:
    return datahub.read(
        samples.datahub_file(folder),
        platforms={"postgres": samples.PG},
        job_namespace="",
        report=report,
    )


def _unity(folder: Path, report: Report) -> Iterable[Item]:
    return unity.read(
        samples.unity_files(folder),
        namespace="unitycatalog://acme",
        job_namespace="databricks",
        report=report,
    )


def _snowflake(folder: Path, report: Report) -> Iterable[Item]:
    return snowflake.read(
        samples.snowflake_files(folder),
        namespace=samples.SNOW,
        job_namespace="snowflake",
        at=0,
        report=report,
    )


def _croissant(folder: Path, report: Report) -> Iterable[Item]:
    [path] = samples.croissant_file(folder)
    return croissant.read(document(path), str(path), namespace="croissant", at=0, report=report)


def _mlflow(folder: Path, report: Report) -> Iterable[Item]:
    tracking = from_files(samples.mlruns(folder))
    return mlflow.read(tracking, namespace="mlflow", report=report)


def _marquez(_: Path, report: Report) -> Iterable[Item]:
    with samples.serving_json(samples.marquez_pages) as url:
        return list(marquez.read(Web(url), report))


FORMATS: Mapping[str, Callable[[Path, Report], Iterable[Item]]] = {
    "openlineage": _openlineage,
    "dbt": _dbt,
    "datahub": _datahub,
    "unity-catalog": _unity,
    "snowflake": _snowflake,
    "croissant": _croissant,
    "mlflow": _mlflow,
    "marquez": _marquez,
}
"""Name of a format → its sample, written into a folder and read."""


def events_of(format_: str, folder: Path) -> list[Any]:
    """The events of a sample, decoded."""
    return [msgspec.json.decode(item.raw) for item in FORMATS[format_](folder, Report())]


def left_of(format_: str, folder: Path) -> dict[str, int]:
    """What the sample has that is not mapped, and how many."""
    report = Report()
    list(FORMATS[format_](folder, report))
    return {one["what"]: one["count"] for one in report.as_list()}


class Estate:
    """A workspace into which things are imported."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.person = services.people.by_token(read_token(services.settings, "admin"))

    def take(self, items: Iterable[Item]) -> Tally:
        """Import."""
        local = Local(self.services, self.person)
        tally = carry(items, local, lambda _: None)
        local.fold()
        return tally

    def ask(self, name: str, **params: Any) -> Any:
        """Answer a question."""
        return answer(self.services, name, params)

    def value(self, ref: str, aspect: str) -> Any:
        """What holds of one aspect, and who says so."""
        kind = ref.partition(":")[0]
        found = self.ask(kind, ref=ref)["aspects"][aspect]
        return [(one["source"], one["value"]) for one in found]

    def columns(self, ref: str) -> list[tuple[str, str, str]]:
        """Name, type and description of the columns of a dataset, in their order."""
        key = resolve(self.services.state, self.services.identity, ref)[1]
        [said] = self.services.state.aspects([key], ["schema"])[key]["schema"]
        members = ("name", "type", "description")
        return [tuple(one.get(member, "") for member in members) for one in said.value["fields"]]

    def edges(self, ref: str, **more: Any) -> set[tuple[str, str, str]]:
        """Edges of a trace: from, to, kind."""
        told = self.ask("trace", ref=ref, **more)
        names = {node["key"]: node["ref"] for node in told["nodes"]}
        return {(names[one["src"]], names[one["dst"]], one["kind"]) for one in told["edges"]}

    def digest(self) -> str:
        """Of the state."""
        return self.services.state.digest()


@contextmanager
def estate_of(folder: Path, *formats: str) -> Iterator[Estate]:
    """A new workspace into which samples were imported."""
    settings = workspace(folder / "ws", clock=Clockwork())
    with services_of(settings) as services:
        estate = Estate(services)
        for one in formats:
            tally = estate.take(FORMATS[one](folder / one, Report()))
            assert tally.refused == 0, tally.refusals
        yield estate
