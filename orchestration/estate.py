"""The governed estate of a workspace: its manifests as what the steps need to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import facets as catalog_facets
from catalog.manifests import Policy, check, load
from lineage.errors import InvalidInput
from lineage.facts import Json
from orchestration.joining import JoinOn
from orchestration.specs import (
    CheckOutcome,
    DeidentifySpec,
    Governed,
    ModelSpec,
    Place,
    SourceSpec,
    Spec,
    TrainingSpec,
)
from tracehold.settings import Settings
from tracehold.settings import load as load_settings

if TYPE_CHECKING:
    import pyarrow as pa

    from catalog.manifests.datasets import Dataset
    from catalog.manifests.models import Model

__all__ = ["Estate", "load_estate"]


@dataclass(frozen=True, slots=True)
class Estate:
    """What a workspace governs.

    Attributes:
        place: Its folders.
        data_folder: Where server, journal and Dagster keep theirs (``.tracehold``).
        specs: One per asset.
        assets: Name as people write it (dataset, ``MODEL@VERSION``) to name of the asset.
    """

    place: Place
    data_folder: Path
    specs: Sequence[Spec]
    assets: Mapping[str, str]


def load_estate(workspace: Path) -> Estate:
    """Read settings and manifests of a workspace.

    Raises:
        NotFound: The folder lies in no workspace.
        InvalidInput: A manifest is wrong; names the first place and how many there are.
    """
    settings = load_settings(workspace)
    policy = load(settings.folder)
    # A source that is missing or out of bounds is for its own step to say; others can still run.
    problems = [one for one in check(policy) if not one.field.startswith("source.")]
    if problems:
        first, more = problems[0], len(problems) - 1
        raise InvalidInput(
            f"{first.field + ': ' if first.field else ''}{first.what}",
            where=f"{first.file}:{first.line}" + (f" and {more} more" if more else ""),
            advice=f"{first.fix}; tracehold check lists every problem",
        )
    specs: list[Spec] = [_dataset(one, policy) for one in policy.datasets.values()]
    models = [_model(one, policy) for one in policy.models.values()]
    names = {one: one for one in policy.datasets}
    names |= {f"{one.name}@{one.version}": one.asset for one in models}
    return Estate(_place(settings), settings.storage.data, [*specs, *models], names)


def _place(settings: Settings) -> Place:
    storage = settings.storage
    return Place(
        name=settings.workspace.name,
        root=settings.folder,
        sources=storage.sources,
        data=storage.root,
        models=storage.models,
        keys=storage.keys,
    )


def _dataset(one: Dataset, policy: Policy) -> Spec:
    governed = _governed(one, policy)
    if one.deidentify is not None:
        from privacy.deidentify import Rule

        rules = [
            Rule(column, measure.operator, {k: _whole(v) for k, v in measure.parameters.items()})
            for column, measure in one.deidentify.columns.items()
        ]
        return DeidentifySpec(governed, one.deidentify.dataset, rules)
    if one.join is not None or one.python is not None:
        lookups = one.join.lookups if one.join is not None else ()
        return TrainingSpec(
            governed,
            one.inputs,
            [JoinOn(lookup.dataset, lookup.on, lookup.columns) for lookup in lookups],
            one.join.columns if one.join is not None else (),
            one.python.function if one.python is not None else "",
            [(m.name, m.version) for m in policy.models.values() if m.training_set == one.name],
        )
    if one.source is None:
        raise InvalidInput(f"{one.name} has no source", where=one.name)
    return SourceSpec(
        governed, one.source.location, one.source.format, one.columns, _provenance(one)
    )


def _whole(value: Json) -> Json:
    """A width of 10.0 is one of 10."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _governed(one: Dataset, policy: Policy) -> Governed:
    names = _check_names(one)
    return Governed(
        name=one.name,
        description=one.title or one.description,
        owner=one.owner,
        # What was de-identified must be clean, personal data in law though a pseudonym is.
        personal=one.personal and one.stage != "deidentified",
        overwrite=one.write_mode == "overwrite",
        describe=_describe(one, policy),
        tags=[
            (tag["key"], tag["value"], tag.get("field"))
            for tag in catalog_facets.mirrored_tags(
                license=one.license or "",
                purposes=one.purposes,
                legal_basis=one.legal_basis or "",
                region=one.region or "",
                retention_class=one.retention,
                protected=one.protected,
            )
        ],
        check_names=names,
        check=lambda table: _evaluate(one, names, table),
    )


def _check_names(one: Dataset) -> list[str]:
    """Names for Dagster: letters, digits, underscores, and each once."""
    names: list[str] = []
    for rule in one.quality:
        plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in rule.name)
        count = sum(name == plain or name.startswith(f"{plain}__") for name in names)
        names.append(f"{plain}__{count + 1}" if count else plain)
    return names


def _evaluate(one: Dataset, names: Sequence[str], table: pa.Table) -> list[CheckOutcome]:
    from catalog.quality import evaluate

    return [
        CheckOutcome(
            name,
            passed=result.passed,
            description=result.detail,
            error=rule.severity == "error",
            column=rule.column,
            expected=result.expected,
            actual=result.actual,
        )
        for name, rule, result in zip(names, one.quality, evaluate(one.quality, table), strict=True)
    ]


def _describe(one: Dataset, policy: Policy) -> Callable[[str], Mapping[str, Any]]:
    """Our facets of a dataset; those of derived datasets say only what their manifest says."""

    def facets(today: str) -> Mapping[str, Any]:
        made: dict[str, Any] = {
            "tracehold_terms": catalog_facets.terms_facet(
                purposes=one.purposes,
                region=one.region or "",
                write_mode=one.write_mode,
                protected=one.protected,
                sensitivity="restricted" if one.restricted else "",
            ),
            "tracehold_retention": _retention(one, policy, today),
        }
        if one.legal_basis:
            made["tracehold_legalBasis"] = catalog_facets.legal_basis_facet(one.legal_basis)
        if one.license:
            made["tracehold_license"] = catalog_facets.license_facet(
                one.license, url=one.license_url, attribution=one.attribution
            )
        return made

    return facets


def _retention(one: Dataset, policy: Policy, today: str) -> Mapping[str, Any]:
    from privacy.facets import retention_facet
    from privacy.retention.schedule import Period, first_due_day, parse_day

    assigned = policy.retention_classes[one.retention]
    start = {"ingested": today, "collection_end": _collected_to(one, policy)}.get(
        assigned.clock_start, ""
    )
    due = ""
    if start:
        due = first_due_day(parse_day(start), Period.parse(assigned.period)).isoformat()
    return retention_facet(
        assigned.name,
        clock_start=start,
        period=assigned.period,
        due=due,
        action=assigned.action,
    )


def _collected_to(one: Dataset, policy: Policy) -> str:
    """The last day of collection; of a derived dataset the last of all its sources."""
    if one.collection is not None:
        return one.collection.collected_to.isoformat()
    ends = [_collected_to(policy.datasets[name], policy) for name in one.inputs]
    return max(ends, default="")


def _provenance(one: Dataset) -> Callable[[str, str, int, int, str], Mapping[str, Any]]:
    def facet(uri: str, sha256: str, size: int, rows: int, fetched: str) -> Mapping[str, Any]:
        how = one.collection
        return {
            "tracehold_provenance": catalog_facets.provenance_facet(
                uri,
                sha256=sha256,
                bytes_=size,
                rows=rows,
                fetched_at=fetched,
                method=how.method if how else "",
                collected_from=how.collected_from.isoformat() if how else "",
                collected_to=how.collected_to.isoformat() if how else "",
                supplier=how.supplier if how else "",
                owner=one.owner,
            )
        }

    return facet


def _model(one: Model, policy: Policy) -> ModelSpec:
    def facets(today: str) -> Mapping[str, Any]:
        # A model has no class of its own: it is kept as long as what it was trained on.
        return {"tracehold_retention": _retention(policy.datasets[one.training_set], policy, today)}

    return ModelSpec(
        name=one.name,
        version=one.version,
        training_set=one.training_set,
        target=one.target,
        features=one.features,
        seed=int(one.algorithm.params.get("seed", 0)),
        purpose=one.use,
        intended_use=one.intended_use,
        owner=one.owner,
        describe=facets,
    )
