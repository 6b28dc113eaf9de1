"""What the wiring facets of one output claim: sources, columns, whole-dataset influences. Pure.

``lineage`` (explicit) beats ``columnLineage`` beats the inputs x outputs product (design §6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lineage.facts import Json

__all__ = ["Claims", "ColumnClaim", "column_claims", "explicit_claims", "job_entries"]

Name = tuple[str, str]


@dataclass(slots=True)
class ColumnClaim:
    """How one source column reaches one column. ``masking`` is True, False or None (unknown)."""

    direct: bool = False
    maskings: set[bool | None] = field(default_factory=set)
    subtypes: set[str] = field(default_factory=set)

    def add(self, transformations: Json, legacy: Json) -> None:
        """Take in the transformations of one mention of the source column."""
        items = [t for t in _items(transformations) if isinstance(t, dict)]
        if not items:
            # No transformation named: data flows, how is unknown (dbt says nothing on md5(email)).
            self.direct = True
            self.maskings.add(True if legacy == "MASKED" else None)
            if isinstance(legacy, str) and legacy:
                self.subtypes.add(legacy)
            return
        for item in items:
            if isinstance(item.get("subtype"), str) and item["subtype"]:
                self.subtypes.add(item["subtype"])
            if item.get("type") == "INDIRECT":
                continue
            self.direct = True
            masking = item.get("masking")
            self.maskings.add(masking if isinstance(masking, bool) else None)

    @property
    def masking(self) -> bool | None:
        """True only where every direct way masks; False where one does not; else unknown."""
        if False in self.maskings:
            return False
        return True if self.maskings == {True} else None


@dataclass(slots=True)
class Claims:
    """What is claimed about one output.

    Attributes:
        kind: ``declared`` or ``columns``.
        columns: (source column, own column) → how.
        sources: Datasets named as sources as a whole.
        indirect: Datasets that influence the whole output without their values being in it.
    """

    kind: str
    columns: dict[tuple[tuple[str, str, str], str], ColumnClaim] = field(default_factory=dict)
    sources: set[Name] = field(default_factory=set)
    indirect: set[Name] = field(default_factory=set)


def _items(value: Json) -> list[Json]:
    """A list as it is; nothing where a facet has something else in its place."""
    return value if isinstance(value, list) else []


def _name(item: Json) -> Name | None:
    if not isinstance(item, dict):
        return None
    namespace, name = item.get("namespace"), item.get("name")
    if isinstance(namespace, str) and isinstance(name, str) and name:
        return namespace, name
    return None


def _column(claims: Claims, item: Json, own: str, legacy: Json) -> None:
    source = _name(item)
    if source is None:
        return
    source_field = item.get("field")
    if not isinstance(source_field, str) or not source_field:
        claims.sources.add(source)
        return
    claim = claims.columns.setdefault(((*source, source_field), own), ColumnClaim())
    claim.add(item.get("transformations"), legacy)


def _all_indirect(item: Mapping[str, Json]) -> bool:
    kinds = [t.get("type") for t in _items(item.get("transformations")) if isinstance(t, dict)]
    return bool(kinds) and all(kind == "INDIRECT" for kind in kinds)


def column_claims(facet: Json) -> Claims | None:
    """Claims of a ``columnLineage`` facet; None where it says nothing."""
    if not isinstance(facet, dict):
        return None
    claims = Claims("columns")
    fields = facet.get("fields")
    for own, entry in fields.items() if isinstance(fields, dict) else ():
        if not isinstance(entry, dict):
            continue
        for item in _items(entry.get("inputFields")):
            _column(claims, item, own, entry.get("transformationType"))
    for item in _items(facet.get("dataset")):
        source = _name(item)
        if source is None:
            continue
        # Spark puts direct aggregations here too: those values are inside the output.
        (claims.indirect if _all_indirect(item) else claims.sources).add(source)
    return claims if claims.columns or claims.sources or claims.indirect else None


def explicit_claims(facet: Json) -> Claims | None:
    """Claims of a ``lineage`` dataset facet or entry; ``inputs: []`` says "no tracked source".

    Sources of type JOB are not followed here; they carry no dataset.
    """
    if not isinstance(facet, dict) or not ("inputs" in facet or "fields" in facet):
        return None
    claims = Claims("declared")
    for item in _items(facet.get("inputs")):
        source = _name(item)
        if source is None or item.get("type") == "JOB":
            continue
        whole = isinstance(item.get("field"), str) or _all_indirect(item)
        (claims.indirect if whole else claims.sources).add(source)
    fields = facet.get("fields")
    for own, entry in fields.items() if isinstance(fields, dict) else ():
        for item in _items(entry.get("inputs")) if isinstance(entry, dict) else ():
            if isinstance(item, dict) and item.get("type") != "JOB":
                _column(claims, item, own, None)
    return claims


def job_entries(facet: Json) -> dict[Name, Claims]:
    """Claims per dataset of a ``lineage`` job facet."""
    found: dict[Name, Claims] = {}
    for entry in _items(facet.get("entries")) if isinstance(facet, dict) else ():
        target = _name(entry)
        if target is None or entry.get("type") == "JOB":
            continue
        claims = explicit_claims(entry)
        if claims is not None:
            found[target] = claims
    return found
