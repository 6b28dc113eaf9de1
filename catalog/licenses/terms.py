"""The terms of one license: one row of the table, or a manifest for a contract of one's own.

The table is ``table.toml`` beside this module; every row names the text that it sums up. It says
what matters for data and models and is no legal advice.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal

import msgspec

__all__ = ["ContractTerms", "LicenseTerms", "UseAxis", "find_terms", "table"]

UseAxis = Literal["any", "non-commercial", "research-only", "unknown"]
Derivatives = Literal["yes", "private-only", "no"]
Training = Literal["allowed", "denied", "silent"]

# Ported and IGO versions of CC licenses ask for the same as the unported one.
_PORTED: Final = re.compile(r"(CC-[A-Z-]+-[0-9.]+)-(?:[A-Z]{2}|IGO|UK)")


class LicenseTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a license allows and asks for.

    Attributes:
        id: SPDX id.
        name: Of the license.
        use: Who may use the data, for what.
        derivatives: Whether adaptations may be made, and shared.
        share_alike: Licenses under which an adaptation may be shared; empty for any.
        share_alike_on: ``work`` for every adaptation; ``database`` for derived databases only, not
            for what is produced from them; ``used-database`` for derived databases, also where only
            what is produced from them becomes public (ODbL 1.0 §4.4(c)).
        attribution: Whether credit must be given.
        notice: Whether notices must be kept and changes be stated.
        training: What it says about training models.
        database_right: Whether it also licenses the sui generis database right (Directive 96/9/EC).
        not_into: Share-alike licenses that a work under this one may not be merged into.
        source: Where the text stands.
    """

    id: str
    name: str
    use: UseAxis = "any"
    derivatives: Derivatives = "yes"
    share_alike: tuple[str, ...] = ()
    share_alike_on: Literal["work", "database", "used-database"] = "work"
    attribution: bool = False
    notice: bool = False
    training: Training = "silent"
    database_right: bool = False
    not_into: tuple[str, ...] = ()
    source: str


class ContractTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest of terms of one's own (``kind: license``), such as a contract (REQ-15, REQ-18).

    Attributes:
        id: ``LicenseRef-…``, as datasets name it.
        name: One line for people.
        supplier: Who grants the rights.
        use: Who may use the data, for what.
        derivatives: Whether adaptations may be made, and shared.
        share_alike: Licenses under which an adaptation may be shared; empty for any.
        attribution: Whether credit must be given.
        notice: Whether notices must be kept and changes be stated.
        training: What it says about training models.
        expires: First day on which the rights are gone; absent where they do not end.
        source: Where the contract is filed.
        review_by: Day on which somebody must read it again.
    """

    id: Annotated[
        str,
        msgspec.Meta(
            pattern="^LicenseRef-[A-Za-z0-9.-]+$",
            description="LicenseRef- followed by letters, digits, dots and hyphens",
        ),
    ]
    name: str
    supplier: str
    use: Literal["any", "non-commercial", "research-only"]
    derivatives: Derivatives
    share_alike: tuple[str, ...] = ()
    attribution: bool = False
    notice: bool = False
    training: Training
    expires: dt.date | None = None
    source: str
    review_by: dt.date

    def as_terms(self, today: dt.date) -> LicenseTerms:
        """The terms as they stand on a day; nothing is known to be allowed once they ended."""
        ended = self.expires is not None and self.expires <= today
        return LicenseTerms(
            id=self.id,
            name=self.name,
            use="unknown" if ended else self.use,
            derivatives=self.derivatives,
            share_alike=self.share_alike,
            attribution=self.attribution,
            notice=self.notice,
            training=self.training,
            source=self.source,
        )


class _Table(msgspec.Struct, frozen=True):
    license: tuple[LicenseTerms, ...]


@cache
def table() -> Mapping[str, LicenseTerms]:
    """Every license that is known, by SPDX id."""
    text = resources.files("catalog.licenses").joinpath("table.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(text), _Table).license
    return {row.id: row for row in rows}


def find_terms(symbol: str, own: Mapping[str, LicenseTerms]) -> LicenseTerms | None:
    """The terms of a license, or None where they are not known.

    Args:
        symbol: SPDX id, or a ``LicenseRef-``.
        own: Terms of the workspace's own contracts, by id.
    """
    known = table()
    found = own.get(symbol) or known.get(symbol)
    if found is None and (ported := _PORTED.fullmatch(symbol)):
        found = known.get(ported[1])
    return found
