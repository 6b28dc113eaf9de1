"""MLflow: runs with the datasets they logged, and versions of registered models. Pure.

A run becomes a run of a job named after its experiment and the model that it made. What
``log_input`` recorded becomes its inputs, each with its digest as version and with the role it had
in training; a version of a registered model that the run made becomes a model trained on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from catalog.facets import model_facet, training_facet
from lineage.facts import Json
from tracehold.imports.events import Facets, Item, Writer
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name, of_uri
from tracehold.imports.report import Report
from tracehold.imports.values import members, parts, text

__all__ = ["Tracking", "read"]

_STATES: Final[Mapping[str, Literal["COMPLETE", "FAIL", "ABORT"]]] = {
    "FINISHED": "COMPLETE", "FAILED": "FAIL", "KILLED": "ABORT",
    "3": "COMPLETE", "4": "FAIL", "5": "ABORT",
}  # fmt: skip
_ROLES: Final = {
    "training": "train", "train": "train", "testing": "test", "test": "test",
    "validation": "validation", "eval": "validation", "evaluation": "validation",
}  # fmt: skip
_CONTEXT: Final = "mlflow.data.context"


@dataclass(slots=True)
class Tracking:
    """What a tracking server holds, in the form of its REST API.

    Attributes:
        experiments: Name by id.
        runs: ``info``, ``data``, ``inputs`` of every run.
        versions: Versions of registered models.
    """

    experiments: dict[str, str] = field(default_factory=dict)
    runs: Iterable[Mapping[str, Json]] = ()
    versions: list[Mapping[str, Json]] = field(default_factory=list)


def read(tracking: Tracking, *, namespace: str, report: Report) -> Iterator[Item]:
    """The events of a tracking server.

    Args:
        tracking: From a folder of files, or from a server.
        namespace: Of the jobs, and of datasets that have no address.
        report: Told what is not mapped.
    """
    reader = _Reader(tracking, namespace, report)
    for run in tracking.runs:
        yield from reader.run(run)
    yield from reader.registered()


class _Reader:
    def __init__(self, tracking: Tracking, namespace: str, report: Report) -> None:
        self.experiments, self.namespace, self.report = tracking.experiments, namespace, report
        self.writer = Writer("mlflow")
        self.versions: dict[str, list[Mapping[str, Json]]] = {}
        for version in tracking.versions:
            self.versions.setdefault(text(version.get("run_id")), []).append(version)

    def run(self, run: Mapping[str, Json]) -> Iterator[Item]:
        info, data = members(run.get("info")), members(run.get("data"))
        run_id = text(info.get("run_id")) or text(info.get("run_uuid"))
        if info.get("lifecycle_stage") == "deleted":
            self.report.skip("deleted runs", "they were removed in MLflow", run_id)
            return
        if not run_id:
            self.report.skip("runs without an id", "they cannot be told apart")
            return
        tags, params, metrics = (_pairs(data.get(one)) for one in ("tags", "params", "metrics"))
        models = self.versions.pop(run_id, [])
        job = self.writer.named(
            Name(self.namespace, self.job(str(info.get("experiment_id", "")), models)),
            self.writer.job_type("MLFLOW", "TRAINING") | self.code(tags),
        )
        where = f"run {run_id}"
        started, ended = moment(info.get("start_time")), moment(info.get("end_time"))
        named = {"runId": self.writer.run_id(run_id)}
        state = _STATES.get(str(info.get("status")))
        yield self.writer.run_event("START", started, named, job, where)
        inputs = self.inputs(run, where)
        self.left(info, tags, params, bool(models), where)
        logged = parts(members(run.get("outputs")).get("model_outputs"))
        self.report.skip(
            "logged models without a version", "only registered ones are known by name and version",
            where, 0 if models else len(logged),
        )  # fmt: skip
        outputs = [self.model(version, params, metrics) for version in models]
        if state is not None:
            yield self.writer.run_event(
                state, ended or started, named, job, where, inputs=inputs, outputs=outputs
            )
        elif inputs or outputs:
            # It has not ended: what is known until now.
            yield self.writer.run_event(
                "OTHER", started, named, job, where, inputs=inputs, outputs=outputs
            )

    def job(self, experiment: str, models: Sequence[Mapping[str, Json]]) -> str:
        """One job per version of a model: the next version must not end how this one was made."""
        name = self.experiments.get(experiment) or f"experiment {experiment}"
        if not models:
            return name
        made = sorted(f"{text(one.get('name'))}-{one.get('version')}" for one in models)
        return f"{name}/{','.join(made)}"

    def inputs(self, run: Mapping[str, Json], where: str) -> list[dict[str, Json]]:
        found: dict[Name, dict[str, Json]] = {}
        for one in parts(members(run.get("inputs")).get("dataset_inputs")):
            dataset = members(one.get("dataset"))
            name, digest = text(dataset.get("name")), text(dataset.get("digest"))
            role = _pairs(one.get("tags")).get(_CONTEXT, "")
            place = self.place(dataset, name)
            if place is None:
                self.report.skip("datasets without name and address", "nothing names them", where)
                continue
            if place in found:
                self.report.skip(
                    "a dataset logged twice by one run", "the first role and digest are kept", where
                )
                continue
            own: Facets = {
                "tracehold_training": training_facet(
                    _ROLES.get(role.lower(), "operational"),
                    version=digest,
                    producer=self.writer.producer,
                )
            }
            own |= self.profile(dataset)
            facets = self.schema(dataset, where)
            if digest:
                facets |= self.writer.facet("version", datasetVersion=digest)
            found[place] = self.writer.named(place, facets, inputFacets=own)
        return [found[name] for name in sorted(found)]

    def place(self, dataset: Mapping[str, Json], name: str) -> Name | None:
        """Where the bytes are, or, where MLflow does not say that, the name it was given."""
        source = _decoded(dataset.get("source"))
        for member in ("uri", "url", "path"):
            address = source.get(member)
            if isinstance(address, str) and dataset.get("source_type") != "hugging_face":
                found = of_uri(address)
                if found is not None:
                    return found
        if table := text(source.get("delta_table_name")):
            return Name(self.namespace, table)
        if dataset.get("source_type") == "hugging_face" and text(source.get("path")):
            return Name("https://huggingface.co", f"datasets/{source['path']}")
        return Name(self.namespace, name) if name else None

    def schema(self, dataset: Mapping[str, Json], where: str) -> Facets:
        columns = _decoded(dataset.get("schema")).get("mlflow_colspec")
        if columns is None and dataset.get("schema"):
            self.report.skip("schemas of tensors", "they have no columns", where)
        return self.writer.schema(
            (one["name"], text(one.get("type")), "")
            for one in parts(columns)
            if text(one.get("name"))
        )

    def profile(self, dataset: Mapping[str, Json]) -> Facets:
        rows = _decoded(dataset.get("profile")).get("num_rows")
        if not isinstance(rows, int):
            return {}
        return self.writer.facet("inputStatistics", rowCount=rows)

    def model(
        self, version: Mapping[str, Json], params: Mapping[str, str], metrics: Mapping[str, str]
    ) -> dict[str, Json]:
        name, number = text(version.get("name")), str(version.get("version", ""))
        figures = {key: float(value) for key, value in metrics.items() if _is_figure(value)}
        facets: Facets = {
            "tracehold_model": model_facet(
                name,
                number,
                params_sha256=_fingerprint(params) if params else "",
                metrics=figures,
                producer=self.writer.producer,
            )
        }
        facets |= self.writer.documentation(version.get("description"))
        facets |= self.writer.tags(
            (key, value, "") for key, value in sorted(_pairs(version.get("tags")).items())
        )
        return self.writer.named(Name("model", f"{name}@{number}"), facets)

    def registered(self) -> Iterator[Item]:
        """Versions of models that no run of the import made."""
        for run_id in sorted(self.versions):
            for version in self.versions[run_id]:
                name = text(version.get("name"))
                at = moment(version.get("creation_timestamp"))
                where = f"model {name} {version.get('version')}"
                self.report.skip(
                    "models without their run",
                    "what they were trained on is not known",
                    where,
                )
                job = self.writer.named(Name(self.namespace, f"register {name}"))
                yield self.writer.job_event(at, job, where, outputs=[self.model(version, {}, {})])

    def code(self, tags: Mapping[str, str]) -> Facets:
        url, commit = tags.get("mlflow.source.git.repoURL"), tags.get("mlflow.source.git.commit")
        if not url or of_uri(url) is None:
            return {}
        return self.writer.facet("sourceCodeLocation", type="git", url=url, version=commit or None)

    def left(
        self,
        info: Mapping[str, Json],
        tags: Mapping[str, str],
        params: Mapping[str, str],
        model: bool,
        where: str,
    ) -> None:
        if info.get("user_id") or "mlflow.user" in tags:
            self.report.skip("user of runs", "who ran something is a person, and no lineage", where)
        if params:
            why = "they can hold values; models keep a fingerprint of them"
            self.report.skip("parameters", why, where, len(params))
        if not model and "mlflow.log-model.history" in tags:
            self.report.skip(
                "models that are not registered", "register them to give them a version", where
            )
        own = [key for key in tags if not key.startswith("mlflow.")]
        self.report.skip("tags of runs", "they describe a run, and no data", where, len(own))


def _pairs(listed: Json) -> dict[str, str]:
    """Key and value of a list of objects; the last one of a key counts."""
    return {
        one["key"]: str(one.get("value", ""))
        for one in parts(listed)
        if isinstance(one.get("key"), str)
    }


def _decoded(held: Json) -> Mapping[str, Json]:
    """An object that stands in a text; empty where there is none."""
    if not isinstance(held, str):
        return members(held)
    try:
        return members(msgspec.json.decode(held))
    except (msgspec.DecodeError, RecursionError):
        return {}


def _is_figure(value: str) -> bool:
    try:
        return abs(float(value)) < float("inf")
    except ValueError:
        return False


def _fingerprint(params: Mapping[str, str]) -> str:
    encoded = msgspec.json.encode(sorted(params.items()))
    return hashlib.sha256(encoded).hexdigest()
