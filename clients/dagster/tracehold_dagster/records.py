"""What Dagster has recorded, as plain values: neither Dagster nor a server is needed to read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

__all__ = [
    "KINDS",
    "Asset",
    "AssetGraph",
    "AssetKey",
    "CheckResult",
    "Failure",
    "Json",
    "Meta",
    "Record",
    "Run",
    "Source",
]

Json = Any
AssetKey = tuple[str, ...]

KINDS: Final = frozenset(
    {
        "ASSET_CHECK_EVALUATION",
        "ASSET_CHECK_EVALUATION_PLANNED",
        "ASSET_MATERIALIZATION",
        "ASSET_MATERIALIZATION_PLANNED",
        "ASSET_OBSERVATION",
        "ASSET_WIPED",
        "PIPELINE_CANCELED",
        "PIPELINE_FAILURE",
        "PIPELINE_START",
        "PIPELINE_SUCCESS",
        "STEP_FAILURE",
        "STEP_OUTPUT",
        "STEP_RESTARTED",
        "STEP_SKIPPED",
        "STEP_START",
        "STEP_SUCCESS",
        "STEP_UP_FOR_RETRY",
    }
)
"""The kinds of records that the translator reads, as values of ``DagsterEventType``; all others may
be left out."""

_WRAPPERS: Final = frozenset(
    {
        "DagsterExecutionHandleOutputError",
        "DagsterExecutionLoadInputError",
        "DagsterExecutionStepExecutionError",
        "DagsterUserCodeExecutionError",
        "RetryRequested",
        "RetryRequestedFromPolicy",
    }
)
"""Errors of Dagster's own around the one that user code raised."""


@dataclass(frozen=True, slots=True)
class Meta:
    """One value of metadata.

    Attributes:
        kind: Its Dagster type in a word: ``text``, ``int``, ``float``, ``bool``, ``json``, ``url``,
            ``path``, ``table_schema``, ``column_lineage``, ``code_references`` …; ``other`` where
            it is none that is read.
        value: Plain JSON. A table schema is a list of ``{"name", "type", "description"?,
            "tags"?}``; column lineage maps a column to a list of ``{"asset", "column"}``; code
            references are a list of ``{"file", "line"?}`` or ``{"url"}``.
    """

    kind: str
    value: Json


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How an asset check came out.

    Attributes:
        name: Of the check.
        passed: Whether it did.
        severity: ``error`` or ``warn``.
        blocking: Whether it holds back what comes after; None where the record does not say.
        target_run_id: The Dagster run that made the materialization it judged, where that is known.
        target_storage_id: The storage id of that materialization.
    """

    name: str
    passed: bool
    severity: str = "error"
    blocking: bool | None = None
    target_run_id: str | None = None
    target_storage_id: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed: the class of the error and never its text, which can quote a row.

    Attributes:
        class_name: Of the error that user code raised, or of Dagster's own.
    """

    class_name: str

    @classmethod
    def of(cls, chain: Iterable[str | None]) -> Failure | None:
        """From the names of the classes of an error and its causes, the outermost first."""
        name = None
        for name in chain:
            if name not in _WRAPPERS:
                break
        return cls(name.rpartition(".")[2]) if name else None


@dataclass(frozen=True, slots=True)
class Source:
    """The version of an asset that a step read.

    Attributes:
        version: As ``datasets.version_of`` names it; of several partitions the digest over them.
        partition: Of the asset.
        parts: The partitions with their versions, where several were read at once.
    """

    version: str
    partition: str | None = None
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of Dagster's event log.

    Attributes:
        kind: A value of ``DagsterEventType``.
        run_id: The Dagster run; empty for what was reported or wiped outside a run.
        at: Epoch milliseconds.
        storage_id: Where it lies in the event log; no identity, since SQLite keeps one log per run.
        step_key: The step, with its mapping key where it is dynamic.
        asset: The asset key that the record is about.
        partition: Of the asset.
        tags: Of a materialization or an observation.
        metadata: Of a materialization, an observation, a check, a step's output or a failure, by
            label.
        check: For an evaluation of a check.
        failure: For a failed step or run.
        wiped_partitions: For a wipe: which partitions; None is all of the asset.
        sources: Of a materialization: what it read, where whoever read the log looked that up.
    """

    kind: str
    run_id: str
    at: int
    storage_id: int | None = None
    step_key: str | None = None
    asset: AssetKey | None = None
    partition: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Meta] = field(default_factory=dict)
    check: CheckResult | None = None
    failure: Failure | None = None
    wiped_partitions: tuple[str, ...] | None = None
    sources: Mapping[AssetKey, Source] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One Dagster run.

    Attributes:
        run_id: Empty stands for everything that was recorded outside a run.
        job: The Dagster job.
        tags: Its tags.
        of_assets: Whether it runs assets: its steps are then named after themselves.
        root_run_id: The first run of a chain of re-executions.
        parent_run_id: The run that it re-executes.
        config_digest: SHA-256 of its configuration in canonical JSON.
        location: The code location it came from.
        repository: The repository in that location.
    """

    run_id: str
    job: str
    tags: Mapping[str, str] = field(default_factory=dict)
    of_assets: bool = False
    root_run_id: str | None = None
    parent_run_id: str | None = None
    config_digest: str | None = None
    location: str | None = None
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """What the definitions say about an asset.

    Attributes:
        key: Its key.
        deps: The keys it depends on.
        owners: E-mail addresses, and teams as ``team:name``.
        tags: Tags without those that stand for kinds.
        kinds: Its kinds, for example ``python`` or ``snowflake``.
        description: Its description.
        group: Its group.
        code_version: As its author set it.
        partitions: ``static``, ``time_window``, ``multi``, ``dynamic``; None where it has none.
        dimensions: Names of the dimensions of a multi-partitioned asset, in order of its keys.
        op: The op or graph that makes it; None for an external asset.
        metadata: Of the definition, by label.
    """

    key: AssetKey
    deps: tuple[AssetKey, ...] = ()
    owners: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    description: str | None = None
    group: str | None = None
    code_version: str | None = None
    partitions: str | None = None
    dimensions: tuple[str, ...] = ()
    op: str | None = None
    metadata: Mapping[str, Meta] = field(default_factory=dict)


@dataclass(frozen=True)
class AssetGraph:
    """The assets of a code location.

    Attributes:
        assets: By key.
    """

    assets: Mapping[AssetKey, Asset]

    @cached_property
    def by_op(self) -> Mapping[str, tuple[Asset, ...]]:
        """The assets that one op or graph makes, in order of their keys."""
        found: dict[str, list[Asset]] = {}
        for key in sorted(self.assets):
            asset = self.assets[key]
            if asset.op is not None:
                found.setdefault(asset.op, []).append(asset)
        return {op: tuple(assets) for op, assets in found.items()}
