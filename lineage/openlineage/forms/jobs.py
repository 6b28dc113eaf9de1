"""Facets of jobs; some stand on datasets and runs too."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from lineage.openlineage.forms.common import Form, Text, Uri


class Emission(Form, frozen=True):
    """When and what a streaming job reports."""

    event_trigger: str
    event_content_mode: str
    window_duration: (
        Annotated[int, msgspec.Meta(ge=1)]
        | Annotated[float, msgspec.Meta(ge=1, multiple_of=1)]
        | UnsetType
    ) = UNSET


class JobType(Form, frozen=True):
    """``JobTypeJobFacet``."""

    processing_type: str
    integration: str
    job_type: Text = UNSET
    emission_pattern: Emission | UnsetType = UNSET


class Sql(Form, frozen=True):
    """``SQLJobFacet``."""

    query: str
    dialect: Text = UNSET


class SourceCode(Form, frozen=True):
    """``SourceCodeJobFacet``."""

    language: str
    source_code: str


class SourceCodeLocation(Form, frozen=True):
    """``SourceCodeLocationJobFacet``."""

    type: str
    url: Uri
    repo_url: Text = UNSET
    path: Text = UNSET
    version: Text = UNSET
    tag: Text = UNSET
    branch: Text = UNSET
    pull_request_number: Text = UNSET


class Documentation(Form, frozen=True):
    """``DocumentationDatasetFacet``, ``DocumentationJobFacet``."""

    description: str
    content_type: Text = UNSET


class Owner(Form, frozen=True):
    """One owner."""

    name: str
    type: Text = UNSET


class Ownership(Form, frozen=True):
    """``OwnershipDatasetFacet``, ``OwnershipJobFacet``."""

    owners: list[Owner] | UnsetType = UNSET


class Tag(Form, frozen=True):
    """One tag."""

    key: str
    value: str
    source: Text = UNSET


class Tags(Form, frozen=True):
    """``TagsJobFacet``, ``TagsRunFacet``."""

    tags: list[Tag] | UnsetType = UNSET


class FieldTag(Tag, frozen=True):
    """One tag of a dataset or of a field of it."""

    field: Text = UNSET


class FieldTags(Form, frozen=True):
    """``TagsDatasetFacet``."""

    tags: list[FieldTag] | UnsetType = UNSET
