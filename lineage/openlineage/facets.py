"""The standard facets that lineage itself reads into aspects.

Facets that wire things together (``columnLineage``, ``symlinks``, ``parent`` …) are read by the
shapes; all others of the standard are kept verbatim in the journal (docs/reference/facets.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lineage.facts import FacetReader, Json, Source
from lineage.openlineage.naming import PROPOSED
from lineage.refs import DatasetRef

__all__ = ["FACETS", "IMPORTED", "is_imported", "members", "said_by"]

IMPORTED: Final = "https://tracehold.dev/import/"
"""Begins the ``_producer`` of every facet that an import wrote, the name of its origin follows."""


def is_imported(facet: Json) -> bool:
    """Whether an import wrote a facet."""
    producer = facet.get("_producer") if isinstance(facet, dict) else None
    return isinstance(producer, str) and producer.startswith(IMPORTED)


def said_by(reader: FacetReader, facet: Json) -> Source:
    """Who speaks through a facet: an import only repeats what another catalog said."""
    return "import" if is_imported(facet) else reader.source


def members(facet: Mapping[str, Json]) -> Json:
    """The members of a facet without ``_producer``, ``_schemaURL`` and ``_deleted``."""
    return {k: v for k, v in facet.items() if not k.startswith("_")}


def _fields(fields: Json, prefix: str) -> list[Json]:
    out: list[Json] = []
    for field in fields if isinstance(fields, list) else []:
        if not isinstance(field, dict) or not isinstance(field.get("name"), str):
            continue
        name = prefix + field["name"]
        read: dict[str, Json] = {"name": name}
        for member in ("type", "description"):
            if isinstance(field.get(member), str):
                read[member] = field[member]
        out.append(read)
        out.extend(_fields(field.get("fields"), name + "."))
    return out


def _schema(facet: Mapping[str, Json]) -> Json:
    return {"fields": _fields(facet.get("fields"), "")}


def _owners(facet: Mapping[str, Json]) -> Json:
    owners = facet.get("owners")
    if not isinstance(owners, list) or not owners:
        return None
    named = [o for o in owners if isinstance(o, dict) and isinstance(o.get("name"), str)]
    return {"owners": named}


def _tags(facet: Mapping[str, Json]) -> Json:
    tags = facet.get("tags")
    return [t for t in tags if isinstance(t, dict)] if isinstance(tags, list) else None


def _lifecycle(facet: Mapping[str, Json]) -> Json:
    change = facet.get("lifecycleStateChange")
    if not isinstance(change, str):
        return None
    value: dict[str, Json] = {"change": change.upper()}
    if isinstance(facet.get("previousIdentifier"), dict):
        value["previous"] = facet["previousIdentifier"]
    return value


def _version(facet: Mapping[str, Json]) -> Json:
    version = facet.get("datasetVersion")
    return version if isinstance(version, str) and version else None


def _statistics(facet: Mapping[str, Json]) -> Json:
    value = {
        ours: facet[theirs]
        for ours, theirs in (("rows", "rowCount"), ("bytes", "size"), ("files", "fileCount"))
        if isinstance(facet.get(theirs), int)
    }
    return value or None


def _metrics(facet: Mapping[str, Json]) -> Json:
    value = _statistics({**facet, "size": facet.get("bytes")})
    return value or None


def _assertions(facet: Mapping[str, Json]) -> Json:
    found = facet.get("assertions")
    value: dict[str, Json] = {}
    for item in found if isinstance(found, list) else []:
        if isinstance(item, dict) and isinstance(item.get("assertion"), str):
            column = item.get("column")
            slot = item["assertion"] if not column else f"{item['assertion']}:{column}"
            value[slot] = item
    return value


def _tests(facet: Mapping[str, Json]) -> Json:
    found = facet.get("tests")
    value: dict[str, Json] = {}
    for item in found if isinstance(found, list) else []:
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            said = ("status", "severity", "type")
            value[item["name"]] = {k: item[k] for k in said if isinstance(item.get(k), str)}
    return value


def _extraction(facet: Mapping[str, Json]) -> Json:
    """How much of its work a producer could not tell, without its messages."""
    value = {
        ours: facet[theirs]
        for ours, theirs in (("tasks", "totalTasks"), ("untold", "failedTasks"))
        if isinstance(facet.get(theirs), int)
    }
    return value or None


def _symlinks(facet: Mapping[str, Json]) -> Json:
    found: dict[str, Json] = {}
    identifiers = facet.get("identifiers")
    for item in identifiers if isinstance(identifiers, list) else ():
        if not isinstance(item, dict):
            continue
        namespace, name, kind = item.get("namespace"), item.get("name"), item.get("type")
        if isinstance(namespace, str) and isinstance(name, str) and name:
            said = {"type": kind} if isinstance(kind, str) else {}
            found[str(DatasetRef(namespace, name))] = said
    return found


def _documentation(facet: Mapping[str, Json]) -> Json:
    text = facet.get("description")
    return {"description": text} if isinstance(text, str) else None


FACETS: Final[tuple[FacetReader, ...]] = (
    FacetReader("schema", "schema", read=_schema),
    FacetReader("ownership", "ownership", read=_owners),
    FacetReader("tags", "tags", read=_tags),
    FacetReader("documentation", "documentation", read=_documentation),
    FacetReader("symlinks", "symlinks", read=_symlinks, slotted=True),
    FacetReader(PROPOSED, "symlinks_proposed", read=_symlinks, slotted=True),
    FacetReader("dataSource", "source"),
    FacetReader("storage", "storage"),
    FacetReader("datasetType", "type"),
    FacetReader("catalog", "catalog"),
    FacetReader("lifecycleStateChange", "lifecycle", varies=True, read=_lifecycle),
    FacetReader("version", "version", varies=True, read=_version),
    FacetReader("inputStatistics", "statistics", "input", varies=True, read=_statistics),
    FacetReader("outputStatistics", "statistics", "output", varies=True, read=_statistics),
    FacetReader("dataQualityMetrics", "metrics", "input", varies=True, read=_metrics),
    FacetReader("dataQualityAssertions", "assertions", varies=True, read=_assertions, slotted=True),
    FacetReader("ownership", "ownership", "job", read=_owners),
    FacetReader("tags", "tags", "job", read=_tags),
    FacetReader("documentation", "documentation", "job", read=_documentation),
    FacetReader("jobType", "type", "job"),
    FacetReader("sql", "sql", "job"),
    FacetReader("sourceCodeLocation", "code", "job"),
    FacetReader("extractionError", "extraction", "run", varies=True, read=_extraction),
    FacetReader("test", "tests", "run", varies=True, read=_tests, slotted=True),
    FacetReader("errorMessage", "error", "run", varies=True),
)
