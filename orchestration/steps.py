"""The steps: read, judge, write, and record what was read and written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.clock import Clock, format_millis
from lineage.errors import NegativeVerdict
from orchestration import standard_facets as ol
from orchestration.files import intact, is_local, receive, store, within
from orchestration.recorded import In, Recorded
from orchestration.server_client import Server
from orchestration.specs import (
    CheckOutcome,
    DeidentifySpec,
    Governed,
    ModelSpec,
    Place,
    SourceSpec,
    TrainingSpec,
    Version,
)
from orchestration.tables import describe, parquet_bytes, read_governed, read_table

if TYPE_CHECKING:
    import pyarrow as pa

    from privacy.scan import Scan

__all__ = [
    "PII_CHECK", "Bench", "Fitted", "Made", "deidentify", "fit", "ingest", "join_training_set",
]  # fmt: skip

PII_CHECK = "no_undeclared_personal_data"
# What is true of a governed copy of a source and of the source itself, which holds the same rows.
_SHARED = (
    "tracehold_license", "tracehold_terms", "tracehold_legalBasis", "tracehold_retention",
    "tracehold_pii", "schema", "ownership",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """What a step made.

    Attributes:
        version: Of the dataset.
        checks: Results of every check of the asset that the step makes itself.
        recorded: What it read and wrote.
    """

    version: Version
    checks: Sequence[CheckOutcome]
    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that was trained.

    Attributes:
        sha256: Of the artifact.
        metrics: On rows kept out of training.
        recorded: What was read and written.
    """

    sha256: str
    metrics: Mapping[str, float]
    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a step works.

    Attributes:
        place: The workspace's folders.
        server: Answers gates.
        secret: Loads the workspace secret, only where a step needs it.
        clock: Epoch milliseconds.
    """

    place: Place
    server: Server
    secret: Callable[[], bytes]
    clock: Clock


def ingest(spec: SourceSpec, bench: Bench) -> Made:
    """Take a source in: hash, hold to its columns, scan, check, write the governed copy.

    Raises:
        InvalidInput: The source cannot be read as declared.
        NegativeVerdict: The same content was deleted with a certificate.
    """
    place, name = bench.place, spec.governed.name
    place.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with receive(spec.location, place.sources, place.data, scratch=place.data) as received:
        _refuse_deleted(bench, name, received.sha256)
        table = read_table(received.file, form=spec.form, columns=spec.columns, where=spec.location)
        sha256, size = received.sha256, received.size
    namespace, source, uri = _source_name(spec.location, place)
    fetched = format_millis(bench.clock())
    provenance = dict(spec.provenance(uri, sha256, size, table.num_rows, fetched))
    origin = {
        name: [ol.ColumnInput(namespace, source, name, "IDENTITY", masking=False)]
        for name in table.column_names
    }
    made = _publish(
        table, spec.governed, bench, extra=provenance, lineage=ol.column_lineage(origin)
    )
    described = made.recorded.facets
    facets = {key: described[key] for key in _SHARED if key in described}
    facets |= provenance | ol.version(sha256) | ol.storage("file", spec.form)
    read = In(namespace, source, facets)
    return replace(made, recorded=replace(made.recorded, inputs=[read]))


def deidentify(spec: DeidentifySpec, upstream: Version, bench: Bench) -> Made:
    """Carry out the declared measures, then scan again what came out.

    Raises:
        InvalidInput: A rule does not fit, or the copy read is missing or changed.
    """
    from privacy.deidentify import apply
    from privacy.facets import deidentification_facet

    place = bench.place
    before = _read(upstream, place)
    after, records = apply(
        before, spec.rules, bench.secret(), dataset=f"dataset:[{place.name}]{spec.governed.name}"
    )
    operators = {record.column: record.operator for record in records}
    origin = {
        name: [_measured(place.name, upstream.dataset, name, operators.get(name))]
        for name in after.column_names
    }
    facet = {"tracehold_deidentification": deidentification_facet(records)}
    lineage = ol.column_lineage(origin)
    read = [_governed_input(upstream, place)]
    return _publish(after, spec.governed, bench, extra=facet, lineage=lineage, inputs=read)


def join_training_set(spec: TrainingSpec, upstreams: Mapping[str, Version], bench: Bench) -> Made:
    """Join governed datasets at exact versions.

    Raises:
        InvalidInput: The join does not fit, or a copy read is missing or changed.
    """
    from orchestration.joining import Origin, join
    from orchestration.transforms import call

    place = bench.place
    tables = {name: _read(version, place) for name, version in upstreams.items()}
    read = [_governed_input(version, place) for version in upstreams.values()]
    if spec.function:
        made = call(place.root, spec.function, tables)
        return _publish(made, spec.governed, bench, lineage={}, inputs=read)
    joined = join(spec.upstreams[0], spec.joins, spec.columns, tables)

    def column(origin: Origin, *, influence: bool = False) -> ol.ColumnInput:
        if influence:
            return ol.ColumnInput(place.name, origin.dataset, origin.column, "JOIN")
        return ol.ColumnInput(place.name, origin.dataset, origin.column, masking=False)

    lineage = ol.column_lineage(
        {name: [column(origin)] for name, origin in joined.origins.items()},
        [column(origin, influence=True) for origin in joined.influences],
    )
    return _publish(joined.table, spec.governed, bench, lineage=lineage, inputs=read)


def fit(spec: ModelSpec, upstream: Version, waivers: Sequence[str], bench: Bench) -> Fitted:
    """Train at the exact version, and write the artifact.

    Args:
        spec: The model.
        upstream: What on; a gate has opened for this very version.
        waivers: Ids of the waivers that opened it.
        bench: Where to work.
    """
    from catalog.facets import model_facet, training_facet
    from orchestration.modeling import train

    place = bench.place
    table = _read(upstream, place)
    trained = train(table, target=spec.target, features=spec.features, seed=spec.seed)
    place.models.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, sha256 = store(trained.artifact, place.models, f"{spec.name}-{spec.version}", ".json")
    facets = {
        **spec.describe(format_millis(bench.clock())[:10]),
        "tracehold_model": model_facet(
            spec.name,
            spec.version,
            content_sha256=sha256,
            framework=trained.framework,
            code_sha256=trained.code_sha256,
            params_sha256=trained.params_sha256,
            purpose=spec.purpose,
            intended_use=spec.intended_use,
            waivers=waivers,
            metrics=trained.metrics,
        ),
        **ol.version(sha256),
        **ol.symlinks(str(path)),
        **ol.ownership(spec.owner),
        **ol.storage("file", "json"),
    }
    read = replace(
        _governed_input(upstream, place),
        input_facets={"tracehold_training": training_facet("train", version=upstream.sha256)},
    )
    statistics = ol.statistics(rows=None, size=len(trained.artifact))
    dataset = ("model", f"{spec.name}@{spec.version}")
    return Fitted(sha256, trained.metrics, Recorded([read], facets, statistics, dataset))


def _refuse_deleted(bench: Bench, dataset: str, sha256: str) -> None:
    verdict = bench.server.may_ingest(dataset=dataset, sha256=sha256)
    if not verdict.allowed:
        raise NegativeVerdict(
            f"this content must not come back: {verdict.explain()}",
            where=dataset,
            advice="remove the source; an incident has been recorded",
        )


def _source_name(location: str, place: Place) -> tuple[str, str, str]:
    """OpenLineage namespace and name of a source, and its URI."""
    if is_local(location):
        path = within(Path(location.removeprefix("file://")), place.sources, place.data)
        return "file", path.as_posix(), path.as_uri()
    scheme, _, rest = location.partition("://")
    authority, _, name = rest.partition("/")
    return f"{scheme}://{authority}", name or "/", location


def _governed_input(version: Version, place: Place) -> In:
    return In(place.name, version.dataset, ol.version(version.sha256))


def _measured(namespace: str, dataset: str, column: str, operator: str | None) -> ol.ColumnInput:
    if operator is None:
        return ol.ColumnInput(namespace, dataset, column, "IDENTITY", masking=False)
    return ol.ColumnInput(namespace, dataset, column, "TRANSFORMATION", True, operator)


def _read(version: Version, place: Place) -> pa.Table:
    path = intact(Path(version.path), place.data, dataset=version.dataset, sha256=version.sha256)
    return read_governed(path)


def _publish(
    table: pa.Table,
    governed: Governed,
    bench: Bench,
    *,
    lineage: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    inputs: Sequence[In] = (),
) -> Made:
    """Scan, check, write, and describe what was written."""
    from privacy.facets import pii_facet
    from privacy.scan import scan_report

    place = bench.place
    content = parquet_bytes(table)
    digest = hashlib.sha256(content).hexdigest()
    _refuse_deleted(bench, governed.name, digest)
    scan = scan_report(table, secret=bench.secret())
    checks = [_pii_check(scan, governed), *governed.check(table)]
    folder = place.data / governed.name
    path, sha256 = store(content, place.data, governed.name, ".parquet")
    # Overwritten is said only where it is true: an older copy beside it still holds its content.
    alone = all(other == path for other in folder.glob("*.parquet"))
    facets: dict[str, Any] = {
        **governed.describe(format_millis(bench.clock())[:10]),
        **(extra or {}),
        **lineage,
        **ol.schema(describe(table)),
        **ol.version(sha256),
        **ol.symlinks(path.as_posix()),
        **ol.storage("file", "parquet"),
        **ol.ownership(governed.owner),
        **ol.tags([*_tags(scan), *(ol.Tag(*tag) for tag in governed.tags)]),
        **(ol.lifecycle("OVERWRITE") if governed.overwrite and alone else {}),
        **_gate(checks),
        "tracehold_pii": pii_facet(scan, version=sha256),
    }
    statistics = ol.statistics(rows=table.num_rows, size=len(content))
    version = Version(
        governed.name, sha256, path.relative_to(place.data).as_posix(), table.num_rows
    )
    return Made(version, checks, Recorded(inputs, facets, statistics))


def _gate(checks: Sequence[CheckOutcome]) -> ol.Facet:
    """Whether what comes after may use the dataset: a warning stops nobody."""
    from catalog.facets import quality_gate_facet

    failed = sum(check.error and not check.passed for check in checks)
    facet = quality_gate_facet(
        "checks", "failed" if failed else "passed", checks=len(checks), failed=failed
    )
    return {"tracehold_qualityGate": facet}


def _tags(scan: Scan) -> list[ol.Tag]:
    return [
        ol.Tag("pii", finding.entity, finding.column)
        for finding in scan.findings
        if finding.tier == "confirmed"
    ]


def _pii_check(scan: Scan, governed: Governed) -> CheckOutcome:
    found = sorted(
        f"{finding.column} ({finding.entity})"
        for finding in scan.findings
        if finding.tier == "confirmed"
    )
    return CheckOutcome(
        PII_CHECK,
        passed=governed.personal or not found,
        description=f"{len(found)} findings: {', '.join(found)}" if found else "nothing confirmed",
        expected="declared" if governed.personal else "none",
        actual=str(len(found)),
    )
