"""The license algebra: what holds for something made from several inputs.

``meet`` joins two terms to the stricter of both on every axis. It is commutative, associative and
idempotent, ``Terms()`` is neutral, and adding an input never loosens anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from catalog.licenses.expression import NOT_SAID
from catalog.licenses.terms import Derivatives, LicenseTerms, Training, UseAxis, find_terms

__all__ = ["Terms", "meet", "terms_of"]

_USES: Final[tuple[UseAxis, ...]] = ("any", "non-commercial", "research-only", "unknown")
_DERIVATIVES: Final[tuple[Derivatives, ...]] = ("yes", "private-only", "no")
_TRAINING: Final[tuple[Training, ...]] = ("allowed", "silent", "denied")


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds together.

    Attributes:
        use: The narrowest use allowed.
        derivatives: The narrowest right to adapt.
        training: The strictest word on training.
        licenses: The terms met, all of them known.
        unknown: License symbols whose terms are not known.
    """

    use: UseAxis = "any"
    derivatives: Derivatives = "yes"
    training: Training = "allowed"
    licenses: frozenset[LicenseTerms] = field(default_factory=frozenset)
    unknown: frozenset[str] = field(default_factory=frozenset)


def meet(left: Terms, right: Terms) -> Terms:
    """The terms of something made from both."""
    return Terms(
        use=max(left.use, right.use, key=_USES.index),
        derivatives=max(left.derivatives, right.derivatives, key=_DERIVATIVES.index),
        training=max(left.training, right.training, key=_TRAINING.index),
        licenses=left.licenses | right.licenses,
        unknown=left.unknown | right.unknown,
    )


def terms_of(symbols: Iterable[str], own: Mapping[str, LicenseTerms]) -> Terms:
    """The terms of licenses that hold together.

    Args:
        symbols: SPDX ids and ``LicenseRef-`` ids.
        own: Terms of the workspace's own contracts, by id.
    """
    return reduce(meet, (_one(symbol, own) for symbol in symbols), Terms())


def _one(symbol: str, own: Mapping[str, LicenseTerms]) -> Terms:
    row = None if symbol.upper() in NOT_SAID else find_terms(symbol, own)
    if row is None or row.use == "unknown":
        return Terms(use="unknown", unknown=frozenset({symbol}))
    return Terms(
        use=row.use,
        derivatives=row.derivatives,
        training=row.training,
        licenses=frozenset({row}),
    )
