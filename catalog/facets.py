"""OpenLineage facets of ours about terms and origin: how they are written and how they are read.

Schemas: ``docs/reference/facets``. The members of a facet are the members of the aspect it fills.
A facet object carries ``_producer`` and ``_schemaURL``, as the OpenLineage specification asks of
every custom facet. No facet holds a value of a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from lineage.facts import FacetReader, Json

__all__ = [
    "FACETS",
    "PRODUCER",
    "legal_basis_facet",
    "license_facet",
    "mirrored_tags",
    "model_facet",
    "provenance_facet",
    "quality_gate_facet",
    "terms_facet",
    "training_facet",
]

GateOutcome = Literal["passed", "failed", "waived"]

PRODUCER = "https://tracehold.dev/catalog"
_SCHEMA = "https://tracehold.dev/spec/facets/1-0-0/{name}.json#/$defs/{name}"


def _facet(name: str, producer: str, /, **members: Json) -> dict[str, Json]:
    said = {key: value for key, value in members.items() if value not in (None, "")}
    return {"_producer": producer, "_schemaURL": _SCHEMA.format(name=name), **said}


def license_facet(
    declared: str,
    *,
    concluded: str = "",
    url: str = "",
    attribution: str = "",
    producer: str = PRODUCER,
) -> dict[str, Json]:
    """``tracehold_license`` of a dataset.

    Args:
        declared: SPDX license expression that the supplier declares.
        concluded: SPDX license expression found by review; beats the declared one.
        url: Where the license text or the terms stand.
        attribution: The credit line that the license asks for.
        producer: URI of who says so.
    """
    return _facet(
        "LicenseDatasetFacet",
        producer,
        declared=declared,
        concluded=concluded,
        url=url,
        attribution=attribution,
    )


def provenance_facet(
    uri: str,
    *,
    sha256: str = "",
    bytes_: int | None = None,
    rows: int | None = None,
    fetched_at: str = "",
    method: str = "",
    collected_from: str = "",
    collected_to: str = "",
    supplier: str = "",
    owner: str = "",
    producer: str = PRODUCER,
) -> dict[str, Json]:
    """``tracehold_provenance`` of a dataset: where it came from, and which bytes (REQ-13).

    Args:
        uri: Of the source.
        sha256: Of the bytes fetched, hexadecimal.
        bytes_: Size in bytes; written as ``bytes``.
        rows: Count of rows.
        fetched_at: RFC 3339 time of the fetch.
        method: Collection method of the manifest.
        collected_from: ISO date on which the collection began.
        collected_to: ISO date on which the collection ended.
        supplier: Who supplied it.
        owner: Who answers for it.
        producer: URI of who says so.
    """
    return _facet(
        "ProvenanceDatasetFacet",
        producer,
        uri=uri,
        sha256=sha256,
        bytes=bytes_,
        rows=rows,
        fetched_at=fetched_at,
        method=method,
        collected_from=collected_from,
        collected_to=collected_to,
        supplier=supplier,
        owner=owner,
    )


def terms_facet(
    *,
    purposes: Sequence[str] = (),
    region: str = "",
    write_mode: str = "unknown",
    protected: Sequence[str] = (),
    sensitivity: str = "",
    producer: str = PRODUCER,
) -> dict[str, Json]:
    """``tracehold_terms`` of a dataset: what its manifest says of its use.

    Args:
        purposes: DPV codes, for example ``dpv:ServiceProvision``.
        region: Where it is kept, ISO 3166 code, ``EU`` or ``EEA``.
        write_mode: ``append``, ``overwrite`` or ``unknown``; unknown counts as append.
        protected: Columns that hold protected attributes.
        sensitivity: ``restricted`` where only who has a grant may look at it.
        producer: URI of who says so.
    """
    return _facet(
        "TermsDatasetFacet",
        producer,
        purposes=list(purposes),
        region=region,
        write_mode=write_mode,
        protected=list(protected),
        sensitivity=sensitivity,
    )


def legal_basis_facet(*bases: str, producer: str = PRODUCER) -> dict[str, Json]:
    """``tracehold_legalBasis`` of a dataset: what makes its processing lawful (GDPR Art. 6 and 9).

    Args:
        bases: DPV codes: one of Art. 6, for example ``eu-gdpr:A6-1-b``, and beside it one of Art. 9
            where the data is of a special category; or ``not-personal``.
        producer: URI of who says so.
    """
    return _facet("LegalBasisDatasetFacet", producer, bases=list(bases))


def model_facet(
    name: str,
    version: str,
    *,
    content_sha256: str = "",
    framework: str = "",
    code_sha256: str = "",
    params_sha256: str = "",
    purpose: str = "",
    intended_use: str = "",
    waivers: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    producer: str = PRODUCER,
) -> dict[str, Json]:
    """``tracehold_model`` of an output: this dataset is a version of a model (REQ-07, REQ-11).

    Args:
        name: Of the model.
        version: Of the model.
        content_sha256: Of the artifact.
        framework: Library and version.
        code_sha256: Fingerprint of the code that trained it.
        params_sha256: Fingerprint of target, features, algorithm and parameters.
        purpose: The use it was trained for, for example ``train-for-release``.
        intended_use: In a sentence.
        waivers: Ids of waivers under which it was trained.
        metrics: Named results on data kept out of training.
        producer: URI of who says so.
    """
    return _facet(
        "ModelDatasetFacet",
        producer,
        name=name,
        version=version,
        content_sha256=content_sha256,
        framework=framework,
        code_sha256=code_sha256,
        params_sha256=params_sha256,
        purpose=purpose,
        intended_use=intended_use,
        waivers=list(waivers) or None,
        metrics=dict(metrics) if metrics else None,
    )


def training_facet(
    role: str = "train",
    *,
    dataset: str = "",
    version: str = "",
    subset: str = "",
    producer: str = PRODUCER,
) -> dict[str, Json]:
    """``tracehold_training`` of an input of a run that trains a model (REQ-25).

    Args:
        role: ``train``, ``validation``, ``test`` or ``operational``.
        dataset: Reference of the dataset; empty where it is the input itself.
        version: Version of the dataset that was read.
        subset: Which part of it, in words.
        producer: URI of who says so.
    """
    return _facet(
        "TrainingInputDatasetFacet",
        producer,
        role=role,
        dataset=dataset,
        version=version,
        subset=subset,
    )


def quality_gate_facet(
    gate: str,
    outcome: GateOutcome,
    *,
    checks: int | None = None,
    failed: int | None = None,
    waiver: str = "",
    producer: str = PRODUCER,
) -> dict[str, Json]:
    """``tracehold_qualityGate`` of a dataset or a model: whether what comes after may use it.

    Args:
        gate: Its name; the checks themselves stand in ``dataQualityAssertions``.
        outcome: A failed gate is ``waived`` where somebody answers for going on.
        checks: How many checks it stands on.
        failed: How many of them failed.
        waiver: Id of the waiver.
        producer: URI of who says so.
    """
    return _facet(
        "QualityGateDatasetFacet",
        producer,
        gate=gate,
        outcome=outcome,
        checks=checks,
        failed=failed,
        waiver=waiver,
    )


def mirrored_tags(
    *,
    license: str = "",  # noqa: A002 - the word of the domain
    purposes: Sequence[str] = (),
    legal_basis: str = "",
    region: str = "",
    retention_class: str = "",
    protected: Sequence[str] = (),
) -> list[dict[str, str]]:
    """What our facets say, as fields of the standard ``tags`` facet, for other catalogs.

    Returns:
        Objects with ``key``, ``value``, ``source`` and, for columns, ``field``.
    """
    pairs = [("license", license), *(("purpose", purpose) for purpose in purposes)]
    pairs += [("legal-basis", legal_basis), ("region", region), ("retention", retention_class)]
    tags = [{"key": k, "value": v, "source": "TRACEHOLD"} for k, v in pairs if v]
    return tags + [
        {"key": "protected", "value": "true", "source": "TRACEHOLD", "field": column}
        for column in protected
    ]


def _license(facet: Mapping[str, Json]) -> Json:
    texts = ("declared", "concluded", "url", "attribution")
    value = {k: facet[k] for k in texts if isinstance(facet.get(k), str) and facet[k]}
    return value if "declared" in value or "concluded" in value else None


def _terms(facet: Mapping[str, Json]) -> Json:
    texts = {k: facet[k] for k in ("region", "sensitivity") if isinstance(facet.get(k), str)}
    mode = facet.get("write_mode")
    lists = {
        k: [one for one in facet[k] if isinstance(one, str)]
        for k in ("purposes", "protected")
        if isinstance(facet.get(k), list)
    }
    return {**texts, **lists, "write_mode": mode if mode in {"append", "overwrite"} else "unknown"}


def _bases(facet: Mapping[str, Json]) -> Json:
    said = facet.get("bases")
    codes = [one for one in said if isinstance(one, str) and one] if isinstance(said, list) else []
    return {"bases": codes} if codes else None


def _earlier_basis(facet: Mapping[str, Json]) -> Json:
    """The legal basis as a member of the terms, where it stood before it had a facet."""
    return _bases({"bases": [facet.get("legal_basis")]})


def _gate(facet: Mapping[str, Json]) -> Json:
    name, outcome = facet.get("gate"), facet.get("outcome")
    if not isinstance(name, str) or not name or outcome not in get_args(GateOutcome):
        return None
    counts = {k: facet[k] for k in ("checks", "failed") if isinstance(facet.get(k), int)}
    waiver = facet.get("waiver")
    return {name: {"outcome": outcome, **counts, **({"waiver": waiver} if waiver else {})}}


FACETS: tuple[FacetReader, ...] = (
    FacetReader("tracehold_license", "license", read=_license),
    FacetReader("tracehold_provenance", "provenance", varies=True),
    FacetReader("tracehold_terms", "terms", source="manifest", read=_terms),
    FacetReader("tracehold_legalBasis", "legal_basis", source="manifest", read=_bases),
    # Of another source, so that terms without one do not end what the facet of its own says.
    FacetReader("tracehold_terms", "legal_basis", read=_earlier_basis),
    FacetReader("tracehold_model", "model", varies=True),
    FacetReader("tracehold_qualityGate", "gate", varies=True, read=_gate, slotted=True),
    FacetReader("tracehold_training", "training", on="input"),
)
"""How the state reads them."""
