"""How sensitive a dataset or a model is, by what was found in it and what is declared of it.

A thing is as sensitive as the most sensitive of its columns, and as any other name of it. What is
only inherited along lineage makes nothing sensitive: it is a guess until somebody looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol

from lineage.facts import Json
from lineage.graph.port import OPEN
from lineage.state.port import AspectValue, StateReader
from privacy.findings import known_findings

__all__ = ["ASPECTS", "CLASSES", "Saying", "Sensitivity", "is_special", "sensitive"]

Sensitivity = Literal["personal", "special", "restricted"]
CLASSES: Final[tuple[Sensitivity, ...]] = ("personal", "special", "restricted")
"""``personal``: confirmed personal data; ``special``: of a special category, or about offences
(GDPR Art. 9 and 10); ``restricted``: declared so."""

_SPECIAL: Final = frozenset({"NRP", "UK_NHS", "AU_MEDICARE", "CRIMINAL_OFFENCE"})
_SPECIAL_STEMS: Final = (
    "MEDICAL", "HEALTH", "GENETIC", "BIOMETRIC", "RELIGIO", "ETHNIC", "RACE", "RACIAL", "POLITICAL",
    "SEXUAL", "SEX_LIFE", "TRADE_UNION", "PHILOSOPHICAL",
)  # fmt: skip
_SPECIAL_BASES: Final = ("eu-gdpr:A9", "eu-gdpr:A10")
_LABELS: Final = frozenset({"sensitivity", "classification"})
_RESTRICTED: Final = frozenset({"restricted", "confidential", "secret"})
_DECLARED: Final = ("terms", "legal_basis", "tags")
ASPECTS: Final = (
    "pii", "pii_review", *_DECLARED, "symlinks", "alias_rule", "alias_rule_ended",
)  # fmt: skip
"""Aspects that sensitivity is made of: where nothing more is said of them, it stands."""


class Saying(Protocol):
    """Finds what some value of an aspect, as JSON, says: a cheap first look."""

    def __call__(self, aspect: str, words: Sequence[str], unless: str = ...) -> set[str]:
        """Keys of the entities; values that contain ``unless`` are passed over."""
        ...


def is_special(entity: str) -> bool:
    """Whether an entity type is of a special category, by its name in capitals."""
    return entity in _SPECIAL or entity.startswith(_SPECIAL_STEMS)


def sensitive(
    state: StateReader, saying: Saying, wanted: Iterable[str] = CLASSES
) -> dict[str, frozenset[str]]:
    """Per key of a dataset or a model the classes it has; absent where it has none.

    Args:
        state: The state as it is; sensitivity is never a question of former knowledge.
        saying: Finds where it pays to look.
        wanted: The classes that matter; others are not looked for.
    """
    asked = frozenset(wanted)
    found: dict[str, set[str]] = {}
    if asked & {"personal", "special"}:
        words = [*_SPECIAL, *_SPECIAL_STEMS] if "special" in asked else []
        words += ['"confirmed"'] if "personal" in asked else []
        suspects = saying("pii", words, '"tier":"none"')
        suspects |= saying("pii_review", [*words, '"accepted":true'])
        suspects |= saying("tags", words)
        for key, known in known_findings(state, sorted(suspects)).items():
            for one in known:
                # A suspicion of a special category is guarded until somebody says otherwise.
                if is_special(one.entity):
                    found.setdefault(key, set()).add("special")
                if one.tier == "confirmed":
                    found.setdefault(key, set()).add("personal")
    if asked & {"special", "restricted"}:
        suspects = saying("terms", ['"sensitivity"'])
        suspects |= saying("legal_basis", _SPECIAL_BASES)
        suspects |= saying("tags", sorted(_LABELS))
        for key, aspects in state.aspects(sorted(suspects), _DECLARED).items():
            found.setdefault(key, set()).update(_declared(aspects))
    marked = {key: frozenset(classes & asked) for key, classes in found.items()}
    return _to_other_names(state, {key: classes for key, classes in marked.items() if classes})


def _declared(aspects: Mapping[str, Sequence[AspectValue]]) -> set[str]:
    found: set[str] = set()
    for value in aspects.get("terms", ()):
        said = value.value if isinstance(value.value, dict) else {}
        found |= _class_of(said.get("sensitivity"))
    for value in aspects.get("legal_basis", ()):
        if any(basis.startswith(_SPECIAL_BASES) for basis in value.value["bases"]):
            found.add("special")
    for value in aspects.get("tags", ()):
        for tag in value.value if isinstance(value.value, list) else ():
            if isinstance(tag, dict) and str(tag.get("key", "")).lower() in _LABELS:
                found |= _class_of(tag.get("value"))
    return found


def _class_of(said: Json) -> set[str]:
    word = str(said or "").strip().lower()
    if word in _RESTRICTED:
        return {"restricted"}
    return {word} & {"special", "personal"}


def _to_other_names(
    state: StateReader, marked: dict[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """What is known of a thing under one name holds under every other."""
    pending = set(marked)
    while pending:
        edges = state.same_as(sorted(pending))
        pending = set()
        for edge in edges:
            if not edge.holds_at("content", OPEN - 1):
                continue  # somebody decided that they never were one thing
            both = marked.get(edge.src, frozenset()) | marked.get(edge.dst, frozenset())
            for key in (edge.src, edge.dst):
                if marked.get(key, frozenset()) != both:
                    marked[key] = both
                    pending.add(key)
    return marked
