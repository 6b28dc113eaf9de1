"""Code lists that manifests draw on; they are data, in ``codes.toml`` beside this module.

Collection methods are those of the OASIS Data Provenance Standard 1.0, ``generation-method``.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final, Literal

from catalog.manifests.problems import one_of

__all__ = ["Method", "legal_bases", "legal_basis_fault", "purpose_fault", "purposes"]

Method = Literal[
    "web-scraping", "feeds", "syndication", "user-generated", "primary-user-source",
    "social-media", "simulations", "machine-generated", "data-augmentation", "data-mining",
    "transfer-learning", "other",
]  # fmt: skip

_OWN: Final = re.compile(r"(?!dpv:|eu-gdpr:)[a-z][a-z0-9-]*:[A-Za-z0-9._-]+")


@cache
def _codes(name: str) -> frozenset[str]:
    text = resources.files("catalog.manifests").joinpath("codes.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)[name]["codes"])


def purposes() -> frozenset[str]:
    """Purposes of the Data Privacy Vocabulary."""
    return _codes("purposes")


def legal_bases() -> frozenset[str]:
    """Legal bases; ``not-personal`` says that none is needed."""
    return _codes("legal_bases")


def purpose_fault(code: str) -> str | None:
    """The fix for a purpose that is not known; None where it is."""
    if code in purposes() or _OWN.fullmatch(code):
        return None
    return one_of(code, purposes(), "purposes")


def legal_basis_fault(code: str) -> str | None:
    """The fix for a legal basis that is not known; None where it is."""
    if code in legal_bases() or _OWN.fullmatch(code):
        return None
    return one_of(code, legal_bases(), "legal bases")
