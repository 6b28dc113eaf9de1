"""What terms mean for a use: the clauses that stand against it, and what it obliges to.

Whether a model is an adaptation of what it was trained on is unsettled. Clauses that bind only
adaptations therefore have a weight that the model's manifest chooses; they are never a legal
verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from catalog.judgement import Weight
from catalog.licenses.algebra import Terms
from catalog.licenses.terms import LicenseTerms, table
from catalog.licenses.uses import Severity, Use

__all__ = ["Clause", "Result", "clauses", "obligations"]

Result = Literal["work", "database", "collection"]
"""What is made: a work such as a model, a derived database, or an unmodified collection."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Something in the terms that stands against a use.

    Attributes:
        code: Stable name.
        what: In words.
        weight: What it does to the verdict.
        licenses: Ids of the licenses it comes from, sorted.
    """

    code: str
    what: str
    weight: Weight
    licenses: tuple[str, ...]


def clauses(terms: Terms, use: Use, severity: Severity, result: Result) -> list[Clause]:
    """Every clause that stands against a use.

    Args:
        terms: What holds.
        use: What is intended.
        severity: Weight of unsettled questions.
        result: What is made.
    """
    found: list[Clause] = []
    if terms.unknown:
        names = ", ".join(sorted(terms.unknown))
        what = f"the terms of {names} are not known"
        found.append(Clause("unknown-license", what, "unknown", tuple(sorted(terms.unknown))))
    rows = sorted(terms.licenses, key=lambda row: row.id)
    found += _one_by_one(rows, use, severity, result)
    found += _together(rows, use, severity, result)
    return found


def _one_by_one(
    rows: list[LicenseTerms], use: Use, severity: Severity, result: Result
) -> Iterable[Clause]:
    for row in rows:
        if row.use == "non-commercial" and use.commercial:
            what = f"{row.id} does not allow commercial use, and {use.name} may be"
            yield Clause("non-commercial", what, "deny", (row.id,))
        if row.use == "research-only" and not use.research:
            what = f"{row.id} allows research only, and {use.name} is not"
            yield Clause("research-only", what, "deny", (row.id,))
        if row.training == "denied" and result != "collection":
            what = f"{row.id} does not allow training of models"
            yield Clause("no-training", what, "deny", (row.id,))
        if result == "collection":
            continue
        if row.derivatives == "no":
            what = f"{row.id} allows no adaptations"
            yield Clause("no-derivatives", what, severity.no_derivatives, (row.id,))
        elif row.derivatives == "private-only" and use.shared:
            what = f"{row.id} allows no adaptations to be shared, and {use.name} shares"
            yield Clause("no-derivatives", what, severity.no_derivatives, (row.id,))


def _binds(row: LicenseTerms, result: Result) -> bool:
    if not row.share_alike or result == "collection":
        return False
    return row.share_alike_on == "work" or result == "database"


def _together(
    rows: list[LicenseTerms], use: Use, severity: Severity, result: Result
) -> Iterable[Clause]:
    binding = [row for row in rows if _binds(row, result)]
    if binding and not _targets(binding, rows):
        names = _clashing(binding, rows)
        what = f"no license satisfies {', '.join(names)} together, and each asks for its own"
        weight: Weight = severity.share_alike if use.shared else "flag"
        yield Clause("share-alike", what, weight, names)
        return
    used = result == "work" and use.shared
    if used and any(row.share_alike_on == "used-database" for row in rows):
        # The work is free of it, but the data behind it would have to be offered.
        binding = [row for row in rows if row.share_alike_on == "used-database" or row in binding]
        if not _targets(binding, rows):
            names = _clashing(binding, rows)
            what = f"the database behind it cannot be offered under {', '.join(names)} together"
            yield Clause("share-alike-database", what, "flag", names)


def _clashing(binding: list[LicenseTerms], rows: list[LicenseTerms]) -> tuple[str, ...]:
    """Ids of those that clash: a binding one, and others that its own targets do not serve."""
    clash = [
        row for row in rows if any(not _targets([one], [one, row]) for one in binding if one != row)
    ] or binding
    return tuple(sorted({row.id for row in (*clash, *_opposed(clash, binding))}))


def _opposed(clash: list[LicenseTerms], binding: list[LicenseTerms]) -> list[LicenseTerms]:
    return [one for one in binding if any(not _targets([one], [one, row]) for row in clash)]


def _targets(binding: list[LicenseTerms], rows: list[LicenseTerms]) -> set[str]:
    """Licenses under which something made from all rows can be shared."""
    common = set.intersection(*(set(row.share_alike) for row in binding))
    return {target for target in common if all(_fits(row, target) for row in rows)}


def _fits(row: LicenseTerms, target: str) -> bool:
    """Whether a work under the row's license can go into one under the target license."""
    if row.share_alike and row.share_alike_on == "work" and target not in row.share_alike:
        return False
    if target in row.not_into:
        return False
    # A share-alike license allows no further restrictions, so the target must carry them itself.
    carried = table().get(target)
    return row.use == "any" or (carried is not None and carried.use == row.use)


def obligations(terms: Terms, use: Use, result: Result) -> tuple[str, ...]:
    """What must be done where the terms are used so, one line each, sorted."""
    lines: set[str] = set()
    for row in terms.licenses:
        if row.attribution:
            lines.add(f"{row.id}: give credit to the licensors")
        if row.notice:
            lines.add(f"{row.id}: keep notices and a link to the license, and state changes")
        if row.use == "non-commercial":
            lines.add(f"{row.id}: no commercial use")
        if row.use == "research-only":
            lines.add(f"{row.id}: research only")
        if row.share_alike and use.shared:
            lines.add(_share_alike_line(row, result))
        if row.derivatives == "private-only" and not use.shared:
            lines.add(f"{row.id}: do not share what is made from it")
    return tuple(sorted(lines))


def _share_alike_line(row: LicenseTerms, result: Result) -> str:
    targets = " or ".join(row.share_alike)
    if row.share_alike_on == "used-database" and result == "work":
        return f"{row.id}: the database behind a public work must be offered under {targets}"
    if row.share_alike_on == "database" and result == "work":
        return f"{row.id}: a database derived from it, if shared, must be under {targets}"
    return f"{row.id}: what adapts it, if shared, must be under {targets}"
