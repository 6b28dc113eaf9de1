"""Facets of runs."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from lineage.openlineage.forms.common import (
    Count,
    Form,
    Integer,
    Name,
    Outcome,
    Text,
    Time,
    Uri,
    Uuid,
)


class Run(Form, frozen=True):
    """A run and what it forwards."""

    run_id: Uuid
    facets: dict[str, BaseFacet] | UnsetType = UNSET


class BaseFacet(msgspec.Struct, frozen=True):
    """What every facet has."""

    producer: Uri = msgspec.field(name="_producer")
    schema_url: Uri = msgspec.field(name="_schemaURL")


class ParentJob(Name, frozen=True):
    """A job and what it forwards."""

    facets: dict[str, BaseFacet] | UnsetType = UNSET


class Root(Form, frozen=True):
    """The outermost run."""

    run: Run
    job: ParentJob


class Parent(Root, frozen=True):
    """``ParentRunFacet``."""

    root: Root | UnsetType = UNSET


class NominalTime(Form, frozen=True):
    """``NominalTimeRunFacet``."""

    nominal_start_time: Time
    nominal_end_time: Time | UnsetType = UNSET


class ErrorMessage(Form, frozen=True):
    """``ErrorMessageRunFacet``."""

    message: str
    programming_language: str
    stack_trace: Text = UNSET


class ProcessingEngine(Form, frozen=True):
    """``ProcessingEngineRunFacet``."""

    version: str
    name: Text = UNSET
    openlineage_adapter_version: Text = UNSET


class ExternalQuery(Form, frozen=True):
    """``ExternalQueryRunFacet``."""

    external_query_id: str
    source: str


class ExtractionProblem(Form, frozen=True):
    """What could not be extracted from one task."""

    error_message: str
    stack_trace: Text = UNSET
    task: Text = UNSET
    task_number: Count = UNSET


class ExtractionError(Form, frozen=True):
    """``ExtractionErrorRunFacet``."""

    total_tasks: Integer
    failed_tasks: Integer
    errors: list[ExtractionProblem]


class Variable(Form, frozen=True):
    """One environment variable."""

    name: str
    value: str


class Environment(Form, frozen=True):
    """``EnvironmentVariablesRunFacet``."""

    environment_variables: list[Variable]


class Parameter(Form, frozen=True, forbid_unknown_fields=True):
    """One parameter; nothing else is allowed in it."""

    key: str
    name: Text = UNSET
    description: Text = UNSET
    value: Text = UNSET


class Parameters(Form, frozen=True):
    """``ExecutionParametersRunFacet``."""

    parameters: list[Parameter] | UnsetType = UNSET


class RunOnly(Form, frozen=True):
    """A run by its id."""

    run_id: Uuid


class Dependency(msgspec.Struct, frozen=True):
    """One job that another waits for."""

    job: Name
    run: RunOnly | UnsetType = UNSET
    dependency_type: Text = UNSET
    sequence_trigger_rule: Text = UNSET
    status_trigger_rule: Text = UNSET


class Dependencies(msgspec.Struct, frozen=True):
    """``JobDependenciesRunFacet``."""

    upstream: list[Dependency] | UnsetType = UNSET
    downstream: list[Dependency] | UnsetType = UNSET
    trigger_rule: Text = UNSET


class Test(Outcome, frozen=True, kw_only=True):
    """One test and its outcome."""

    name: str
    status: str
    type: Text = UNSET


class Tests(Form, frozen=True):
    """``TestRunFacet``."""

    tests: list[Test]
