"""What an exposure answer consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from lineage.facts import Json

__all__ = ["Exposed", "ExposedModel", "Exposure", "Stopped"]


@dataclass(frozen=True, slots=True)
class Exposed:
    """One entity type in one column.

    Attributes:
        ref: The column; the dataset where only dataset lineage is known.
        dataset: The dataset that holds it.
        entity: Entity type.
        tier: ``confirmed``, ``candidate`` or ``claimed``; inherited rows keep that of their origin.
        how: ``found`` by a scan or review of this column, or ``inherited``, unverified.
        path: References from where it was found to here, both included.
        facts: Ids of the facts cited.
    """

    ref: str
    dataset: str
    entity: str
    tier: str
    how: Literal["found", "inherited"]
    path: tuple[str, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """Where a measure holds: declared and scanned again. A pseudonym is still personal data."""

    ref: str
    entity: str
    operator: str
    pseudonymous: bool
    path: tuple[str, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExposedModel:
    """A model that was made from exposed columns, and the datasets they came in by."""

    ref: str
    entities: tuple[str, ...]
    via: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """The answer and what it rests on.

    Attributes:
        rows: Exposed columns, by reference and entity.
        stopped: Where de-identification holds.
        models: Models reached in one hop from exposed datasets.
        complete: False where a limit was met.
        reasons: The limits met.
        as_of: Epoch milliseconds.
        known_at: Journal position.
        policy_digest: Digest of the policy in force.
        fold_version: Version of the fold.
    """

    rows: tuple[Exposed, ...]
    stopped: tuple[Stopped, ...]
    models: tuple[ExposedModel, ...]
    complete: bool
    reasons: tuple[str, ...]
    as_of: int
    known_at: int
    policy_digest: str
    fold_version: str

    def as_dict(self) -> dict[str, Json]:
        """The answer as JSON."""
        plain: dict[str, Json] = msgspec.to_builtins(self)
        return plain
