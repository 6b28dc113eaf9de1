"""Croissant (MLCommons 1.0 and 1.1): a dataset described for machine learning, in JSON-LD. Pure.

The dataset gets its license, origin, version and columns; the files it is made of become datasets
of their own, each under its address with its checksum, and columns lead back to columns in them.
Only the compact form with the prefixes of the specification is read: no context is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from catalog.facets import license_facet, provenance_facet
from catalog.licenses.expression import is_expression, parse_expression
from lineage.facts import Json
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.events import Column, Facets, Item, Writer
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name, of_uri
from tracehold.imports.report import Report
from tracehold.imports.values import members, parts, text

__all__ = ["read"]

_CC: Final = re.compile(r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)")
_SPDX: Final = re.compile(r"spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html|\.json)?/?\Z")
_KNOWN: Final = (
    ("creativecommons.org/publicdomain/zero/1.0", "CC0-1.0"),
    ("creativecommons.org/publicdomain/mark/1.0", "LicenseRef-PublicDomain"),
    ("apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
    ("opensource.org/licenses/MIT", "MIT"),
    ("opensource.org/license/mit", "MIT"),
    ("opendatacommons.org/licenses/odbl/1-0", "ODbL-1.0"),
    ("opendatacommons.org/licenses/by/1-0", "ODC-By-1.0"),
    ("opendatacommons.org/licenses/pddl/1-0", "PDDL-1.0"),
)
_EXPRESSION: Final = re.compile(r"\(*[\w.+-]+\)*(?:\s+(?:AND|OR|WITH)\s+\(*[\w.+-]+\)*)*")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_SIZE: Final = re.compile(r"\s*(\d+)\s*B?\s*")
_DERIVED: Final = "prov:wasDerivedFrom"
_READ: Final = frozenset(
    {
        "@context", "@type", "@id", "name", "description", "license", "url", "version", "keywords",
        "conformsTo", "creator", "publisher", "datePublished", "dateModified", "dateCreated",
        "distribution", "recordSet", "citeAs", "sameAs", "inLanguage", "isLiveDataset",
        "rai:personalSensitiveInformation", "rai:dataCollection", _DERIVED,
    }
)  # fmt: skip
_DATES: Final = ("dateModified", "datePublished", "dateCreated")


def read(document: Json, where: str, *, namespace: str, at: int, report: Report) -> Iterator[Item]:
    """The events of one description.

    Args:
        document: The decoded file.
        where: Its path.
        namespace: Of a dataset that has no address.
        at: Moment to use where the description has none, epoch milliseconds.
        report: Told what is not mapped.

    Raises:
        NotThisFormat: It describes no dataset.
    """
    kinds = _many(document.get("@type")) if isinstance(document, dict) else []
    if not any(str(kind).rpartition(":")[2].rpartition("/")[2] == "Dataset" for kind in kinds):
        raise NotThisFormat(
            "the file describes no dataset",
            where=where,
            advice='give a Croissant file: JSON-LD with "@type": "sc:Dataset"',
        )
    yield from _Description(document, where, namespace, at, report).events()


@dataclass(slots=True)
class _File:
    """A file or set of files: the dataset it is, and what it is a part of."""

    name: Name | None
    part_of: list[str] = field(default_factory=list)
    facets: Facets = field(default_factory=dict)


class _Description:
    def __init__(
        self, document: Mapping[str, Json], where: str, namespace: str, at: int, report: Report
    ) -> None:
        self.document, self.where, self.report = document, where, report
        self.writer = Writer("croissant")
        called = text(document.get("name")) or where.rpartition("/")[2]
        self.name = _page(text(document.get("url")), called) or Name(namespace, called)
        dates = (moment(document.get(one), -1) for one in _DATES)
        self.at = next((one for one in dates if one >= 0), at)
        self.files = {
            _id(one): self.file(one) for one in parts(_many(document.get("distribution")))
        }

    def events(self) -> Iterator[Item]:
        for key, file in self.files.items():
            if file.name is not None and file.name != self.name:
                made = self.writer.named(file.name, file.facets)
                yield self.writer.dataset_event(self.at, made, f"{self.where} {key}")
        columns: dict[str, set[Column]] = {}
        fields = list(self.columns(columns))
        facets = self.described() | self.writer.schema(fields)
        sources = {one.name for one in self.files.values() if one.name is not None}
        sources = (sources | self.derived_from()) - {self.name}
        if sources:
            facets |= self.writer.lineage(sources, columns)
        yield self.writer.dataset_event(self.at, self.writer.named(self.name, facets), self.where)
        for member in sorted(self.document.keys() - _READ):
            self.report.skip(
                member, "it stays in the description; nothing here reads it", self.where
            )

    def described(self) -> Facets:
        document = self.document
        facets = self.writer.documentation(document.get("description"))
        makers = [_named(one) for one in _many(document.get("creator"))]
        publishers = [_named(one) for one in _many(document.get("publisher"))]
        facets |= self.license([one for one in makers if one])
        facets["tracehold_provenance"] = provenance_facet(
            text(document.get("url")),
            supplier=next((one for one in (*publishers, *makers) if one), ""),
            method=_short(document.get("rai:dataCollection")),
            producer=self.writer.producer,
        )
        version = document.get("version")
        if isinstance(version, (str, int, float)) and str(version):
            facets |= self.writer.facet("version", datasetVersion=str(version))
        tags = [(word, "true", "") for word in map(text, _many(document.get("keywords"))) if word]
        tags += [
            ("personal-data", _short(one), "")
            for one in _many(document.get("rai:personalSensitiveInformation"))
            if _short(one)
        ]
        return facets | self.writer.tags(tags)

    def derived_from(self) -> set[Name]:
        """The datasets that it was made from (Croissant 1.1, W3C PROV-O)."""
        found = set()
        for one in parts(_many(self.document.get(_DERIVED))):
            places = (text(one.get(member)) for member in ("prov:atLocation", "prov:locatedAt"))
            name = _page(next(filter(None, places), "") or text(one.get("@id")), "")
            if name is None:
                self.report.skip("origins without an address", "nothing names them", self.where)
            else:
                found.add(name)
        return found

    def license(self, makers: list[str]) -> Facets:
        said = [_named(one) for one in _many(self.document.get("license"))]
        said = [one for one in said if one]
        if not said:
            return {}
        known = [_spdx(one) for one in said]
        if not all(known):
            self.report.skip(
                "licenses that are no SPDX license", "conclude one: tracehold license conclude",
                self.where,
            )  # fmt: skip
        # Several licenses of one dataset all hold.
        declared = " AND ".join(one or "NOASSERTION" for one in known)
        facet = license_facet(
            declared,
            url=next((one for one in said if "://" in one), ""),
            attribution=", ".join(makers),
            producer=self.writer.producer,
        )
        return {"tracehold_license": facet}

    def file(self, one: Mapping[str, Json]) -> _File:
        url = text(one.get("contentUrl"))
        container = [_id(part) for part in _many(one.get("containedIn"))]
        name = of_uri(url) if url and not container else None
        if name is None:
            if not container:
                self.report.skip("files without an address", "nothing names them", self.where)
            return _File(None, container)
        digest = text(one.get("sha256"))
        size = _SIZE.fullmatch(str(one.get("contentSize", "")))
        facets: Facets = {
            "tracehold_provenance": provenance_facet(
                url,
                sha256=digest.lower() if _SHA256.fullmatch(digest) else "",
                bytes_=int(size[1]) if size else None,
                producer=self.writer.producer,
            )
        }
        facets |= self.writer.documentation(one.get("description"))
        if digest:
            facets |= self.writer.facet("version", datasetVersion=digest.lower())
        return _File(name, [], facets)

    def places(self, key: str, seen: frozenset[str] = frozenset()) -> Iterator[Name]:
        """The addresses of a file, or of the archive it is packed in."""
        file = self.files.get(key)
        if file is None or key in seen:
            return
        if file.name is not None:
            yield file.name
        for outer in file.part_of:
            yield from self.places(outer, seen | {key})

    def columns(self, lineage: dict[str, set[Column]]) -> Iterator[tuple[str, str, str]]:
        sets = parts(_many(self.document.get("recordSet")))
        for records in sets:
            prefix = f"{_called(records)}." if len(sets) > 1 else ""
            if records.get("data") or records.get("examples"):
                # They are rows.
                self.report.skip("data and examples inside", "they are values", self.where)
            yield from self.fields(records, "field", prefix, lineage)

    def fields(
        self, part: Mapping[str, Json], member: str, prefix: str, lineage: dict[str, set[Column]]
    ) -> Iterator[tuple[str, str, str]]:
        for one in parts(_many(part.get(member))):
            name = f"{prefix}{_called(one)}"
            kinds = [str(kind).rpartition(":")[2] for kind in _many(one.get("dataType"))]
            yield name, " ".join(kinds), text(one.get("description"))
            source = one.get("source")
            if isinstance(source, dict):
                self.source(name, source, lineage)
            elif source is not None:
                self.report.skip(
                    "sources of fields in the form of Croissant 0.8", "export it as 1.0", self.where
                )
            yield from self.fields(one, "subField", f"{name}.", lineage)

    def source(
        self, name: str, source: Mapping[str, Json], lineage: dict[str, set[Column]]
    ) -> None:
        key = _id(source.get("fileObject") or source.get("fileSet") or "")
        extract = source.get("extract")
        column = text(members(extract).get("column"))
        if not column:
            self.report.skip(
                "fields that are not taken from a column", "only columns have lineage", self.where
            )
            return
        for place in self.places(key):
            lineage.setdefault(name, set()).add((place, column))


def _many(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _page(url: str, called: str) -> Name | None:
    """The dataset behind the address of a page; where a query names it, its own name does here."""
    found = of_uri(url)
    if found is None or (found.name != "/" and not urlsplit(url).query):
        return found
    return Name(found.namespace, called) if called else None


def _short(value: Json) -> str:
    """A text of one line; a longer one only says that something was said."""
    line = " ".join(text(value).split())
    return line if len(line) <= 100 else "described"


def _id(part: Json) -> str:
    if isinstance(part, dict):
        return text(part.get("@id")) or text(part.get("name"))
    return text(part)


def _called(part: Mapping[str, Json]) -> str:
    """The name of a record set or field; its id ends in it."""
    called = text(part.get("name")) or text(part.get("@id"))
    return called.rpartition("/")[2]


def _named(part: Json) -> str:
    """A name, or where there is none the address."""
    if isinstance(part, dict):
        return text(part.get("name")) or text(part.get("url")) or text(part.get("@id"))
    return text(part)


def _spdx(said: str) -> str:
    """The SPDX license that a text or an address names; empty where it is none."""
    if found := _CC.search(said):
        return f"CC-{found[1].upper()}-{found[2]}"
    if found := _SPDX.search(said):
        return found[1]
    for address, name in _KNOWN:
        if address.lower() in said.lower():
            return name
    return parse_expression(said) if _EXPRESSION.fullmatch(said) and is_expression(said) else ""
