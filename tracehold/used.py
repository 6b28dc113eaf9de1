"""The question of the gate ``use``: what is to be made, from which versions of what."""

from __future__ import annotations

from typing import Final, Literal, cast, get_args

import msgspec

from catalog.licenses.uses import UseName
from catalog.manifests.codes import purpose_fault
from lineage.errors import InvalidInput
from lineage.refs import DatasetRef, ModelRef, parse_ref
from tracehold.acts.act import Body

__all__ = ["AskUse", "GateName", "UsedInput", "require_sound", "subject_of"]

MOST_INPUTS: Final = 10_000
"""Versions that one question may name."""

GateName = Literal["license", "purpose", "pii", "quality", "retention", "schema"]


class UsedInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a dataset that is about to be read.

    Attributes:
        namespace: Of the dataset.
        name: Of the dataset.
        version: As its producer named it; empty where it is not known, then the newest counts.
        columns: Column → type that whoever reads relies on; an empty type stands for any.
        checks: Rules that must have a result for this very version.
    """

    namespace: str
    name: str
    version: str = ""
    columns: dict[str, str] = {}
    checks: tuple[str, ...] = ()

    @property
    def ref(self) -> DatasetRef:
        """The dataset."""
        return DatasetRef(self.namespace, self.name)


class AskUse(Body, frozen=True, kw_only=True):
    """What is to be made, from which versions of what, and which gates must open."""

    namespace: str = ""
    name: str = ""
    model: str = ""
    inputs: tuple[UsedInput, ...]
    gates: tuple[GateName, ...]
    use: UseName | Literal[""] = ""
    purpose: str = ""
    run: str = ""


def subject_of(asked: AskUse) -> DatasetRef | ModelRef:
    """What is to be made.

    Raises:
        InvalidInput: Neither a dataset nor a version of a model is named.
    """
    if asked.model:
        # It is a model, or no reference at all: what it must not lack is its version.
        return cast("ModelRef", parse_ref(f"model:{asked.model.removeprefix('model:')}"))
    if not asked.name:
        raise InvalidInput("what is to be made is not named", where="name",
                           advice="give namespace and name of the dataset, or a model")  # fmt: skip
    return DatasetRef(asked.namespace, asked.name)


def require_sound(asked: AskUse) -> None:
    """Refuse a question that cannot be judged.

    Raises:
        InvalidInput: Names the field.
    """
    subject_of(asked)
    if not 1 <= len(asked.inputs) <= MOST_INPUTS:
        raise InvalidInput(f"1 to {MOST_INPUTS} inputs can be judged", where="inputs",
                           advice="a step that reads nothing needs no gate")  # fmt: skip
    if not asked.gates:
        raise InvalidInput(
            "no gate is named", where="gates", advice=f"gates: {', '.join(get_args(GateName))}"
        )
    if "purpose" in asked.gates:
        fault = purpose_fault(asked.purpose)
        if fault is not None:
            raise InvalidInput("the purpose is not known", where="purpose", advice=fault)
    if "schema" in asked.gates and not any(one.columns for one in asked.inputs):
        raise InvalidInput("the schema gate needs the columns relied on", where="inputs",
                           advice="give columns for at least one input")  # fmt: skip
