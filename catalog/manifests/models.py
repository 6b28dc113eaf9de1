"""The manifest of a version of a model (``kind: model``)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from catalog.licenses.uses import Severity, UseName
from catalog.manifests.datasets import Name

__all__ = ["Algorithm", "Model"]


class Algorithm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is trained.

    Attributes:
        name: Of the algorithm.
        params: Its parameters; ``seed`` decides the split.
    """

    name: Literal["logistic_regression"] = "logistic_regression"
    params: dict[str, Any] = {}


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of one version of a model (REQ-03).

    Attributes:
        name: Of the model.
        version: Of the model.
        title: One line for people.
        owner: Who answers for it: a team or a role, not a person's name.
        intended_use: What it is for, and what it is not for.
        training_set: Dataset that it is trained on.
        target: Column to predict.
        features: Columns to learn from.
        algorithm: How it is trained.
        use: What it is trained for; decides what licenses must allow.
        license_severity: What an unsettled license question does to the verdict.
        on_erasure: What is done with it when data it was trained on must go (REQ-65).
    """

    name: Annotated[
        str,
        msgspec.Meta(
            pattern="^[A-Za-z_][A-Za-z0-9_.-]{0,127}$",
            description="letters, digits, underscores, dots and hyphens",
        ),
    ]
    version: Annotated[
        str,
        msgspec.Meta(
            pattern="^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$",
            description="letters, digits, dots and hyphens, for example 1 or 2.0.1",
        ),
    ]
    title: str = ""
    owner: str
    intended_use: str
    training_set: Name
    target: str
    features: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    algorithm: Algorithm = Algorithm()
    use: UseName
    license_severity: Severity = Severity()
    on_erasure: Literal["retrain", "retire", "keep"]

    @property
    def key(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.name}@{self.version}"
