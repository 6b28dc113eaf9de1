"""DataHub's URNs: which dataset, column, job, person or tag one names. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from tracehold.imports.naming import Name
from tracehold.imports.report import Report

__all__ = ["Places", "dataset", "field_path", "job", "last", "schema_field"]

_DATASET: Final = re.compile(r"urn:li:dataset:\(urn:li:dataPlatform:([^,]+),(.+),([^,()]+)\)")
_FIELD: Final = re.compile(r"urn:li:schemaField:\((urn:li:dataset:\(.+\)),(.+)\)")
_JOB: Final = re.compile(r"urn:li:dataJob:\(urn:li:dataFlow:\(([^,]+),(.+),([^,()]+)\),(.+)\)")
_TYPED: Final = re.compile(r"\[[^\]]*\]\.?")


class Places:
    """Where the platforms that DataHub names are, as OpenLineage names them."""

    def __init__(self, given: Mapping[str, str], report: Report) -> None:
        """``given`` maps ``PLATFORM`` or ``PLATFORM/INSTANCE`` to a namespace."""
        self._given = given
        self._report = report

    def of(self, platform: str, name: str, where: str) -> Name:
        """The dataset of a platform; an instance that is given leaves the name it stands before."""
        for key, namespace in self._given.items():
            known, _, instance = key.partition("/")
            if known == platform and instance and name.startswith(f"{instance}."):
                return Name(namespace, name[len(instance) + 1 :])
        if platform in self._given:
            return Name(self._given[platform], name)
        if platform in ("s3", "gcs") and "/" in name.strip("/"):
            bucket, _, key = name.strip("/").partition("/")
            return Name(f"{'gs' if platform == 'gcs' else platform}://{bucket}", key)
        if platform == "bigquery":
            return Name("bigquery", name)
        self._report.skip(
            f"the place of platform {platform}",
            f"DataHub has no address of it: its tables are in the namespace {platform}; give "
            f"--platform {platform}=NAMESPACE to join them with what other producers report",
            where,
        )
        return Name(platform, name)


def dataset(urn: object, places: Places, where: str) -> Name | None:
    """The dataset that a URN names; None where it names something else."""
    found = _DATASET.fullmatch(urn) if isinstance(urn, str) else None
    return None if found is None else places.of(unquote(found[1]), unquote(found[2]), where)


def schema_field(urn: object, places: Places, where: str) -> tuple[Name, str] | None:
    """The column that a URN names."""
    found = _FIELD.fullmatch(urn) if isinstance(urn, str) else None
    name = dataset(found[1], places, where) if found is not None else None
    return None if found is None or name is None else (name, field_path(unquote(found[2])))


def job(urn: object, namespace: str) -> Name | None:
    """The job that a URN names: flow and task; the orchestrator is its namespace."""
    found = _JOB.fullmatch(urn) if isinstance(urn, str) else None
    if found is None:
        return None
    return Name(namespace or unquote(found[1]), f"{unquote(found[2])}.{unquote(found[4])}")


def field_path(path: str) -> str:
    """The plain path of a column: version 2 of DataHub's paths has types in brackets before it."""
    return _TYPED.sub("", path) or path


def last(urn: object) -> str:
    """The last part of a simple URN: the name of a person, group, tag or term."""
    return unquote(urn.rpartition(":")[2]) if isinstance(urn, str) else ""
