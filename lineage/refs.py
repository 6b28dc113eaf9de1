"""References: how people and programs name things.

The text form is ``KIND:NAME`` with the namespace in brackets (design, command line):

    dataset:[postgres://h:5432]db.s.t@VERSION
    column:[NS]NAME#FIELD
    job:[NS]NAME
    run:[NS]JOB/RUNID
    model:NAME@VERSION

``% [ ] @ # /`` inside a part are percent-encoded where they would be read as separators, so that
``parse(format(ref)) == ref`` for every reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from urllib.parse import unquote

import msgspec

from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.identity import Identity, Label

__all__ = [
    "ColumnRef",
    "DatasetRef",
    "JobRef",
    "ModelRef",
    "Ref",
    "RunRef",
    "parse_ref",
    "ref_of",
]


@cache
def _quoting(reserved: str) -> dict[int, str]:
    return {ord(c): f"%{ord(c):02X}" for c in f"{reserved}%"}


# An answer names the same namespaces, tables and columns over and over.
@lru_cache(maxsize=1 << 14)
def _quote(part: str, reserved: str) -> str:
    return part.translate(_quoting(reserved))


class DatasetRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """A dataset, or with ``version`` one version of it."""

    namespace: str
    name: str
    version: str | None = None

    def key(self, identity: Identity) -> str:
        """The key of the dataset itself; the version is not part of it."""
        return identity.key("Dataset", self.namespace, self.name)

    def __str__(self) -> str:
        text = f"dataset:[{_quote(self.namespace, '[]')}]{_quote(self.name, '@#')}"
        return text if self.version is None else f"{text}@{_quote(self.version, '@#')}"


class ColumnRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """A column of a dataset; nested fields are joined by dots, as OpenLineage does."""

    namespace: str
    name: str
    field: str

    @property
    def dataset(self) -> DatasetRef:
        """The dataset that holds the column."""
        return DatasetRef(self.namespace, self.name)

    def key(self, identity: Identity) -> str:
        """The key of the column."""
        return identity.key("Column", self.namespace, self.name, self.field)

    def __str__(self) -> str:
        namespace, name = _quote(self.namespace, "[]"), _quote(self.name, "#")
        return f"column:[{namespace}]{name}#{_quote(self.field, '#')}"


class JobRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """A job: the definition whose runs read and write datasets."""

    namespace: str
    name: str

    def key(self, identity: Identity) -> str:
        """The key of the job."""
        return identity.key("Job", self.namespace, self.name)

    def __str__(self) -> str:
        return f"job:[{_quote(self.namespace, '[]')}]{_quote(self.name, '')}"


class RunRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """A run. One run id can carry several jobs, so the job is part of the identity."""

    namespace: str
    job: str
    run_id: str

    def key(self, identity: Identity) -> str:
        """The key of the run."""
        return identity.key("Run", self.namespace, self.job, self.run_id)

    def __str__(self) -> str:
        namespace, job = _quote(self.namespace, "[]"), _quote(self.job, "/")
        return f"run:[{namespace}]{job}/{_quote(self.run_id, '/')}"


class ModelRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """One version of a model."""

    name: str
    version: str

    def key(self, identity: Identity) -> str:
        """The key of the model version."""
        return identity.key("Model", self.name, self.version)

    def __str__(self) -> str:
        return f"model:{_quote(self.name, '@[]')}@{_quote(self.version, '@')}"


Ref = DatasetRef | ColumnRef | JobRef | RunRef | ModelRef

KIND_LABELS: dict[str, Label] = {
    "dataset": "Dataset", "column": "Column", "job": "Job", "run": "Run", "model": "Model",
}  # fmt: skip


def ref_of(label: Label, props: Mapping[str, Json]) -> Ref | None:
    """The reference of a node of the graph; None for kinds without one, and where its name is gone.

    Args:
        label: What the node is.
        props: Its properties: ``name``, ``namespace``, and ``version`` or ``field``.
    """
    name = props.get("name")
    if not isinstance(name, str) or not name:
        return None
    if label == "Model":
        version = props.get("version")
        return ModelRef(name, version) if isinstance(version, str) and version else None
    namespace = props.get("namespace")
    if not isinstance(namespace, str):
        return None
    if label == "Dataset":
        return DatasetRef(namespace, name)
    if label == "Job":
        return JobRef(namespace, name)
    field = props.get("field")
    if label == "Column" and isinstance(field, str):
        return ColumnRef(namespace, name, field)
    return None


def _split(text: str, separator: str, whole: str, form: str) -> tuple[str, str]:
    head, found, tail = text.rpartition(separator)
    if not found or not head or not tail:
        raise InvalidInput(
            f"{whole!r} is not a reference", where=whole, advice=f"write it as {form}"
        )
    return head, tail


def parse_ref(text: str) -> Ref:
    """The reference that a text names.

    Raises:
        InvalidInput: The text has not the form ``KIND:NAME``; the advice shows the form.
    """
    kind, found, rest = text.partition(":")
    if not found or kind not in KIND_LABELS or not rest:
        raise InvalidInput(
            f"{text!r} is not a reference",
            where=text,
            advice="write dataset:[NAMESPACE]NAME, column:[NS]NAME#FIELD, job:[NS]NAME, "
            "run:[NS]JOB/RUNID or model:NAME@VERSION",
        )
    if kind == "model":
        name, version = _split(rest, "@", text, "model:NAME@VERSION")
        return ModelRef(unquote(name), unquote(version))
    if not rest.startswith("[") or "]" not in rest:
        raise InvalidInput(
            f"{text!r} has no namespace",
            where=text,
            advice=f"write {kind}:[NAMESPACE]NAME, or a short name where it is unambiguous",
        )
    raw_namespace, _, name = rest[1:].partition("]")
    namespace = unquote(raw_namespace)
    if not name:
        raise InvalidInput(f"{text!r} has no name", where=text, advice=f"write {kind}:[NS]NAME")
    if kind == "column":
        name, field = _split(name, "#", text, "column:[NS]NAME#FIELD")
        return ColumnRef(namespace, unquote(name), unquote(field))
    if kind == "job":
        return JobRef(namespace, unquote(name))
    if kind == "run":
        job, run_id = _split(name, "/", text, "run:[NS]JOB/RUNID")
        return RunRef(namespace, unquote(job), unquote(run_id))
    name, found, version = name.partition("@")
    return DatasetRef(namespace, unquote(name), unquote(version) if found else None)
