"""Nodes of a dbt manifest: which table one is, and what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from catalog.facets import license_facet
from lineage.facts import Json
from tracehold.imports.events import Facets, Writer
from tracehold.imports.naming import Name
from tracehold.imports.report import Report
from tracehold.imports.values import listed, members, text, texts

__all__ = ["TABLES", "describe", "fields_of", "job_name", "owners_of", "relation"]

TABLES: Final = frozenset({"model", "seed", "snapshot"})
"""Kinds of nodes that a job of dbt writes."""

_OWNER: Final = "owner"
_LICENSE: Final = "license"
_PERSONAL: Final = ("pii", "contains_pii", "personal_data")
"""Keys of ``meta`` that say that a column holds personal data."""
_META: Final = "only owner, license and pii have a meaning that all share"
_SAYS_NO: Final = frozenset({"", "false", "no", "none", "null", "0"})


def relation(node: Mapping[str, Json], namespace: str) -> Name | None:
    """The table of a node as OpenLineage names it; None where it has none."""
    kind = text(node.get("resource_type"))
    if kind == "source":
        table = text(node.get("identifier")) or text(node.get("name"))
    elif kind in TABLES and _materialized(node) != "ephemeral":
        table = text(node.get("alias")) or text(node.get("name"))
    else:
        return None
    if not table:
        return None
    if namespace.startswith("arn:aws:glue:"):
        return Name(namespace, f"table/{text(node.get('schema'))}/{table}")
    return Name(namespace, _path(node, table))


def job_name(node: Mapping[str, Json], uid: str, *, built: bool, tests: bool = False) -> str:
    """The job that writes or tests a node's table, as dbt-ol names it.

    Args:
        node: Of the manifest.
        uid: Its id.
        built: Whether ``dbt build`` runs it, which dbt-ol says in the name.
        tests: Whether the job that tests the table is meant.
    """
    kind = text(node.get("resource_type"))
    name = _path(node, uid if kind == "source" else uid.removeprefix(f"{kind}."))
    step = "test" if tests else "" if kind == "model" else kind
    if built and kind != "seed":
        step = f"build.{step or 'run'}"
    return f"{name}.{step}" if step else name


def _path(node: Mapping[str, Json], last: str) -> str:
    parts = (text(node.get("database")), text(node.get("schema")), last)
    return ".".join(part for part in parts if part)


def _materialized(node: Mapping[str, Json]) -> str:
    return text(members(node.get("config")).get("materialized"))


def _meta(part: Mapping[str, Json]) -> dict[str, Json]:
    """``meta`` stands beside a node, in its configuration, or in both."""
    inner = members(part.get("config")).get("meta")
    return {**members(inner), **members(part.get("meta"))}


def fields_of(
    node: Mapping[str, Json], described: Mapping[str, Json]
) -> Iterator[tuple[str, str, str]]:
    """Name, type and description of every column: as the warehouse has them, where it was asked.

    Args:
        node: Of the manifest.
        described: The same node in ``catalog.json``; empty where there is none.
    """
    columns = [one for one in _values(node.get("columns")) if text(one.get("name"))]
    said = {text(one["name"]).lower(): one for one in columns}
    found = [one for one in _values(described.get("columns")) if text(one.get("name"))]
    found.sort(key=lambda one: one["index"] if isinstance(one.get("index"), int) else 0)
    for one in found or columns:
        own = said.get(text(one["name"]).lower(), {})
        kind = text(one.get("type")) or text(own.get("data_type"))
        yield text(one["name"]), kind, text(own.get("description")) or text(one.get("comment"))


def _values(held: Json) -> list[Mapping[str, Json]]:
    return [one for one in members(held).values() if isinstance(one, dict)]


def owners_of(owner: Json) -> Iterator[tuple[str, str]]:
    """Names of owners from what projects write: a text, a list, or name and e-mail."""
    if isinstance(owner, str):
        yield owner, ""
    elif isinstance(owner, list):
        for one in owner:
            yield from owners_of(one)
    elif isinstance(owner, dict):
        # One of the two: a team has a name; an address alone still says whom to ask.
        yield text(owner.get("name")) or text(owner.get("email")), ""


def describe(
    node: Mapping[str, Json],
    writer: Writer,
    groups: Mapping[str, Json],
    report: Report,
    where: str,
    *,
    called: Callable[[str], str] = str,
) -> Facets:
    """Documentation, owners, tags and license of a table.

    Args:
        node: Of the manifest.
        writer: Writes the facets.
        groups: Groups of the manifest, whose owner answers for what is in them.
        report: Told of what ``meta`` says beside.
        where: Id of the node.
        called: What the warehouse calls a column that the project names.
    """
    meta = _meta(node)
    owners = list(owners_of(meta.pop(_OWNER, None)))
    group = text(node.get("group")) or text(members(node.get("config")).get("group"))
    for one in _values(groups):
        if group and one.get("name") == group:
            owners += owners_of(one.get("owner"))
    facets = writer.documentation(node.get("description"))
    facets |= writer.ownership(owners)
    facets |= writer.tags(_tags(node, meta, report, where, called))
    declared = meta.pop(_LICENSE, None)
    if isinstance(declared, str) and declared:
        facets["tracehold_license"] = license_facet(declared, producer=writer.producer)
    report.skip("keys of meta", _META, f"{where} meta", len(meta))
    return facets


def _tags(
    node: Mapping[str, Json],
    meta: dict[str, Json],
    report: Report,
    where: str,
    called: Callable[[str], str],
) -> Iterator[tuple[str, str, str]]:
    for tag in texts(node.get("tags")):
        yield tag, "true", ""
    yield from _personal(meta, "")
    for column in _values(node.get("columns")):
        field = called(text(column.get("name")))
        for tag in texts(column.get("tags")):
            yield tag, "true", field
        said = _meta(column)
        yield from _personal(said, field) if said else ()
        if said:
            report.skip("keys of meta", _META, f"{where} columns meta", len(said))
        if constraints := listed(column.get("constraints")):
            why = "they are declared, and say nothing of the data"
            report.skip("constraints of columns", why, where, len(constraints))


def _personal(meta: dict[str, Json], field: str) -> Iterator[tuple[str, str, str]]:
    for key in _PERSONAL:
        said = meta.pop(key, None)
        value = str(said).lower() if isinstance(said, (bool, int)) else text(said)
        if value.lower() not in _SAYS_NO:
            yield "pii", value, field
