"""What the forms share: texts of a format, numbers, members that may be absent."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

# RFC 3339 §5.6, RFC 3986 §3, RFC 9562 §4.
DATE_TIME: Final = (
    r"\A[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])\Z"
)
URI: Final = r"\A[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x20]*\Z"
UUID: Final = r"\A[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"

Time = Annotated[str, msgspec.Meta(pattern=DATE_TIME)]
Uri = Annotated[str, msgspec.Meta(pattern=URI)]
Uuid = Annotated[str, msgspec.Meta(pattern=UUID)]
# To JSON Schema 5.0 is an integer.
Integer = int | Annotated[float, msgspec.Meta(multiple_of=1)]
Number = int | float

Text = str | UnsetType
Count = Integer | UnsetType
Measure = Number | UnsetType
Object = dict[str, Any]


class Form(msgspec.Struct, frozen=True, rename="camel"):
    """Members that are not named are allowed, as in the specification."""


class Name(Form, frozen=True):
    """Namespace and name of a job or dataset."""

    namespace: str
    name: str


class Transformation(Form, frozen=True):
    """How a source reaches a target."""

    type: str
    subtype: Text = UNSET
    description: Text = UNSET
    masking: bool | UnsetType = UNSET


class Outcome(Form, frozen=True, kw_only=True):
    """What an assertion or a test may say beside its name and its result."""

    severity: Text = UNSET
    description: Text = UNSET
    expected: Text = UNSET
    actual: Text = UNSET
    content: Text = UNSET
    content_type: Text = UNSET
    params: Object | UnsetType = UNSET


def both_or_none(namespace: object, name: object) -> None:
    """Raises ``ValueError`` where one of them is missing."""
    if (namespace is UNSET) != (name is UNSET):
        raise ValueError("namespace and name stand together")
