"""From what somebody half remembers to words that the index has, each with how well it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from catalog.search.port import FullText
from catalog.search.words import edits, similarity, words

__all__ = ["MOST_WORDS", "Reading", "read"]

MOST_WORDS: Final = 8
"""Words of a query that count."""
_MOST_WHOLE: Final = 5
"""Words that are tried in one as well: ``cust email addr`` as ``custemailaddr``."""

_ENDINGS: Final = 30
_INSIDE: Final = 20
_RESEMBLING: Final = 30
_ALIKE: Final = 0.45
"""Least similarity of a word that may have been meant."""
_ALIKE_IN_ONE: Final = 0.7
"""The same of several words in one, of which no part may be another word."""
_SHORTEST: Final = 4
"""Letters of a word of which a slip is thought of."""
_LONG: Final = 5
"""Letters from which on more than one slip is thought of."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a query may mean.

    Attributes:
        terms: Its words.
        fits: Per word, the words of the index that stand for it, with how well, 0 to 1.
        whole: Words of the index that stand for all of them together.
        left_out: Words for which the index has nothing.
        misspelled: Words that only others stand for, which a slip would make of them.
    """

    terms: tuple[str, ...]
    fits: Sequence[Mapping[str, float]]
    whole: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    misspelled: tuple[str, ...] = ()

    @property
    def in_one(self) -> tuple[str, ...]:
        """All words in one, where some document has them so."""
        together = "".join(self.terms)
        return (together,) if self.whole.get(together) == 1.0 else ()


def read(text: str, index: FullText, *, slips: bool) -> Reading:
    """Read a query.

    Args:
        text: As typed.
        index: Which words there are.
        slips: Whether words may be misspelled, too.
    """
    terms = tuple(dict.fromkeys(words(text).parts))[:MOST_WORDS]
    fits = {term: _fits(term, index) for term in terms}
    unknown = [term for term, found in fits.items() if not found]
    together = "".join(terms) if 1 < len(terms) <= _MOST_WHOLE else ""
    whole = _fits(together, index) if together else {}
    if slips:
        fits = {term: _near(term, index, _ALIKE) | found for term, found in fits.items()}
        whole = _near(together, index, _ALIKE_IN_ONE) | whole
    return Reading(
        terms,
        [found for found in fits.values() if found],
        whole,
        tuple(term for term in unknown if not fits[term]),
        tuple(term for term in unknown if fits[term]),
    )


def _fits(term: str, index: FullText) -> dict[str, float]:
    """Words that a term is, begins, or is inside of."""
    size = len(term)
    found = dict.fromkeys(index.known([term]), 1.0)
    for word in index.beginning(term, _ENDINGS):
        found[word] = 0.55 + 0.35 * size / len(word)
    if size > 2:
        for word in index.holding(term, _INSIDE):
            found.setdefault(word, 0.35 + 0.3 * size / len(word))
    return found


def _near(term: str, index: FullText, alike: float) -> dict[str, float]:
    """Words that a slip makes a term of; none where it is a word as it stands."""
    if len(term) < _SHORTEST or index.known([term]):
        return {}
    found = dict.fromkeys(index.known(edits(term)), 0.5)
    if len(term) >= _LONG:
        for word in index.resembling(term, _RESEMBLING):
            share = similarity(term, word)
            if share >= alike:
                found.setdefault(word, 0.6 * share)
    return found
