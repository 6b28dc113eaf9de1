"""A search: candidates from the index, ranked by how well they fit, how much and how lately used.

How well a document fits is looked at line by line, so that a name counts more than a description,
and words that stand in one name more than words that stand apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from catalog.search.port import Found, FullText, Wanted
from catalog.search.reading import Reading, read
from lineage.identity import Label

__all__ = ["Hit", "Outcome", "search"]

CANDIDATES: Final = 120
"""Documents that are ranked at once; of more, those that are used most come first."""

_ENOUGH: Final = 5
"""Candidates that make it needless to think of slips."""
_DATED: Final = 60
"""Hits, the best, of which it is asked when they were used last."""
_MONTH: Final = 30 * 24 * 60 * 60 * 1000
_WEIGHTS: Final[Mapping[str, float]] = {
    "name": 1.0, "columns": 0.9, "tags": 0.6, "owners": 0.6, "notes": 0.4, "namespace": 0.3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found.

    Attributes:
        key: Its key in the graph.
        label: What it is.
        score: How well it fits; comparable within one answer.
        where: Texts that fit: ``name``, ``columns``, ``tags``, ``owners``, ``notes``,
            ``namespace``; the best first.
        fields: Columns that fit, the best first.
        uses: How many ways data takes through it.
        last_used: Epoch milliseconds; None where no run is known, or nobody asked.
    """

    key: str
    label: Label
    score: float
    where: tuple[str, ...]
    fields: tuple[str, ...]
    uses: int
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found among some candidates.

    Attributes:
        hits: The best first.
        more: Whether there are candidates that were not looked at.
        misspelled: Words of the query that only others stand for, which a slip would make of them.
        left_out: Words of the query that no document has.
    """

    hits: Sequence[Hit]
    more: bool
    misspelled: tuple[str, ...]
    left_out: tuple[str, ...]


def search(
    index: FullText,
    text: str,
    *,
    now: int,
    last_used: Callable[[Sequence[str]], Mapping[str, int]],
    label: Label | None = None,
    namespace: str | None = None,
) -> Iterator[Outcome]:
    """Search some candidates after the others: who must leave out many asks for the next.

    Args:
        index: Where to search.
        text: As typed.
        now: Epoch milliseconds; what was used lately counts more.
        last_used: When things were last used, by key.
        label: Only things of this kind.
        namespace: Only things of this namespace.
    """
    reading, found, candidates = _taken(index, text, label, namespace)
    fits, terms = _words(reading), len(reading.terms)
    while True:
        more = len(found) > CANDIDATES
        hits = [_judge(one, fits, terms) for one in found[:CANDIDATES]]
        hits.sort(key=lambda hit: (-hit.score, hit.key))
        dated = _by_date(hits, now, last_used)
        yield Outcome(dated, more, reading.misspelled, reading.left_out)
        if not more:
            return
        found = [*found[CANDIDATES:], *islice(candidates, CANDIDATES)]


def _taken(
    index: FullText, text: str, label: Label | None, namespace: str | None
) -> tuple[Reading, list[Found], Iterator[Found]]:
    """The strictest way to take a query that finds enough: what it finds first, and the rest."""
    ways = _ways(index, text, label, namespace)
    while True:
        way = next(ways)
        candidates = _candidates(index, way.wanted)
        found = list(islice(candidates, CANDIDATES + 1))
        if len(found) >= way.enough:
            return way.reading, found, candidates


def _candidates(index: FullText, wanted: Sequence[Wanted]) -> Iterator[Found]:
    """What is wanted first by place, then what is wanted second, each document once."""
    seen: set[int] = set()
    for one in wanted:
        after = 0
        while True:
            found = index.find(one, after=after, limit=CANDIDATES + 1)
            yield from (document for document in found if document.place not in seen)
            seen.update(document.place for document in found)
            if len(found) <= CANDIDATES:
                break
            after = found[-1].place


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to take a query, and how many candidates let it stay at that."""

    reading: Reading
    wanted: Sequence[Wanted]
    enough: int


def _ways(index: FullText, text: str, label: Label | None, namespace: str | None) -> Iterator[_Way]:
    """Ways to take a query, the strictest first; with the last one, whatever is found will do."""
    for slips in (False, True):
        reading = read(text, index, slips=slips)
        # A word that is everywhere must not crowd out the name that has it beside the others.
        plain = Wanted((), reading.terms, reading.in_one, label, namespace)
        loose = Wanted(reading.fits, (), reading.whole, label, namespace)
        if slips or not reading.left_out:
            yield _Way(reading, (plain, loose), 1 if slips else _ENOUGH)
    some = [{word for fits in reading.fits for word in fits}] if reading.fits else []
    yield _Way(reading, (replace(loose, every=some),), enough=0)


def _words(reading: Reading) -> dict[str, dict[int, float]]:
    """Per word of the index, which words of the query it stands for, and how well."""
    found: dict[str, dict[int, float]] = {}
    places = [n for n, term in enumerate(reading.terms) if term not in reading.left_out]
    for place, fits in zip(places, reading.fits, strict=True):
        for word, fit in fits.items():
            found.setdefault(word, {})[place] = fit
    for word, fit in reading.whole.items():
        found[word] = dict.fromkeys(range(len(reading.terms)), fit)
    return found


def _judge(one: Found, words: Mapping[str, Mapping[int, float]], terms: int) -> Hit:
    """How well a document fits a query of so many terms."""
    reached: dict[int, float] = {}
    texts: dict[str, float] = {}
    fields: list[tuple[int, float, str]] = []
    for text, weight in _WEIGHTS.items():
        for number, hits, share in _lines(getattr(one, text), words):
            fits: dict[int, float] = {}
            for word in hits:
                for term, fit in words[word].items():
                    fits[term] = max(fit, fits.get(term, 0.0))
            for term, fit in fits.items():
                reached[term] = max(weight * fit, reached.get(term, 0.0))
            together = sum(fits.values()) / terms * (0.75 + 0.25 * share)
            texts[text] = max(weight * together, texts.get(text, 0.0))
            if text == "columns":
                fields.append((-len(fits), -together, one.fields[number]))
    # Columns that have as many words of the query as any of them.
    most = min(fields, default=(0,))[0]
    score = sum(reached.values()) / terms + max(texts.values(), default=0.0)
    score *= 1 + 0.04 * math.log2(1 + one.uses)
    return Hit(
        key=one.key,
        label=one.label,
        score=score,
        where=tuple(sorted(texts, key=texts.__getitem__, reverse=True)),
        fields=tuple(name for number, _, name in sorted(fields) if number == most),
        uses=one.uses,
    )


def _lines(text: str, words: Mapping[str, object]) -> Iterator[tuple[int, set[str], float]]:
    """The lines that have any of some words: number, which of them, and their share of the line."""
    wanted = words.keys()
    if wanted.isdisjoint(text.split()):
        return
    for number, line in enumerate(text.split("\n")):
        said = line.split()
        hits = wanted & said
        if hits:
            yield number, hits, len(hits) / len(said)


def _by_date(
    hits: Sequence[Hit], now: int, last_used: Callable[[Sequence[str]], Mapping[str, int]]
) -> list[Hit]:
    """The best of the hits with their dates, in the order that these give them."""
    best = hits[:_DATED]
    dates = last_used([hit.key for hit in best])
    dated = [
        replace(hit, score=hit.score * _freshness(dates.get(hit.key), now),
                last_used=dates.get(hit.key))
        for hit in best
    ]  # fmt: skip
    dated.sort(key=lambda hit: (-hit.score, hit.key))
    return [*dated, *hits[_DATED:]]


def _freshness(last: int | None, now: int) -> float:
    """What the time since the last use leaves of a score: 1 today, 0.85 in the end."""
    if last is None:
        return 0.85
    months = min(max(now - last, 0) / _MONTH, 100.0)
    return float(0.85 + 0.15 * 0.5**months)
