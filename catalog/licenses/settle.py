"""From license expressions to a verdict: which alternative of every ``OR`` to take, for all inputs.

The alternatives are chosen together and not one by one, because the best of one input can clash
with the only one of another. Taking alternatives differently can only help, so the result is never
stricter than it must be; where there are too many combinations to try, every input takes its own
best, which is never too generous.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from catalog.errors import BadExpression
from catalog.judgement import Verdict
from catalog.licenses.algebra import Terms, meet, terms_of
from catalog.licenses.clauses import Clause, Result, clauses, obligations
from catalog.licenses.expression import alternatives
from catalog.licenses.terms import LicenseTerms
from catalog.licenses.uses import Severity, Use

__all__ = ["Settlement", "settle", "verdict_of"]

_COMBINATIONS: Final = 1024


@dataclass(frozen=True, slots=True)
class Settlement:
    """What holds for inputs taken together.

    Attributes:
        verdict: For the use that was asked.
        clauses: What stands against it; flags included.
        obligations: What it obliges to.
        chosen: Expression → the licenses taken, for every expression.
        choices: One line for every expression that left a choice.
        terms: The meet.
    """

    verdict: Verdict
    clauses: tuple[Clause, ...]
    obligations: tuple[str, ...]
    chosen: Mapping[str, frozenset[str]]
    choices: tuple[str, ...]
    terms: Terms


def verdict_of(found: Collection[Clause]) -> Verdict:
    """Denied where one clause denies; else unknown where one is unknown; else allowed."""
    weights = {clause.weight for clause in found}
    if "deny" in weights:
        return "denied"
    return "unknown" if "unknown" in weights else "allowed"


def settle(
    expressions: Collection[str],
    use: Use,
    *,
    severity: Severity | None = None,
    result: Result = "work",
    own: Mapping[str, LicenseTerms] | None = None,
) -> Settlement:
    """Judge license expressions that hold together for a use.

    An expression that cannot be parsed counts as an unknown license.

    Args:
        expressions: One per input; repetitions do not matter.
        use: What is intended.
        severity: Weight of unsettled questions; both deny by default.
        result: What is made.
        own: Terms of the workspace's own contracts, by id.
    """
    distinct = sorted(set(expressions))
    options = [_options(expression) for expression in distinct]
    judge = _Judge(use, severity or Severity(), result, own or {})
    if math.prod(map(len, options)) > _COMBINATIONS:
        options = [[min(some, key=lambda one: judge.cost([one]))] for some in options]
    taken = min(itertools.product(*options), key=judge.cost)
    found = judge.clauses(taken)
    terms = judge.terms(taken)
    return Settlement(
        verdict=verdict_of(found),
        clauses=tuple(found),
        obligations=obligations(terms, use, result),
        chosen=dict(zip(distinct, taken, strict=True)),
        choices=tuple(
            f"{expression}: {' and '.join(sorted(one))} taken for {use.name}"
            for expression, one in zip(distinct, taken, strict=True)
            if len(_options(expression)) > 1
        ),
        terms=terms,
    )


def _options(expression: str) -> list[frozenset[str]]:
    try:
        return list(alternatives(expression))
    except BadExpression:
        return [frozenset({expression})]


_ORDER: Final[tuple[Verdict, ...]] = ("allowed", "unknown", "denied")
_Cost = tuple[int, int, int, int, list[list[str]]]


@dataclass(frozen=True, slots=True)
class _Judge:
    use: Use
    severity: Severity
    result: Result
    own: Mapping[str, LicenseTerms]

    def terms(self, taken: Collection[frozenset[str]]) -> Terms:
        made = Terms()
        for one in taken:
            made = meet(made, terms_of(one, self.own))
        return made

    def clauses(self, taken: Collection[frozenset[str]]) -> list[Clause]:
        return clauses(self.terms(taken), self.use, self.severity, self.result)

    def cost(self, taken: Collection[frozenset[str]]) -> _Cost:
        """Best first: verdict, then fewest blocks, flags, obligations; then by name."""
        terms = self.terms(taken)
        found = clauses(terms, self.use, self.severity, self.result)
        flags = sum(clause.weight == "flag" for clause in found)
        return (
            _ORDER.index(verdict_of(found)),
            len(found) - flags,
            flags,
            len(obligations(terms, self.use, self.result)),
            [sorted(one) for one in taken],
        )
