"""Text as words: how names are taken apart, and which words lie near a misspelled one. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from string import ascii_lowercase, digits
from typing import Final, NamedTuple

__all__ = ["LONGEST", "Words", "edits", "grams", "similarity", "words"]

LONGEST: Final = 60
"""Characters of a word that count."""

_SEGMENTS: Final = re.compile(r"[\w-]+")
_SEAMS: Final = re.compile(r"[_-]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LETTERS: Final = ascii_lowercase + digits
_KEPT: Final = 100_000


class Words(NamedTuple):
    """The words of a text.

    Attributes:
        parts: Each word by itself, in order.
        line: The same with spaces between, as they are indexed; behind the parts of a name stands
            the name in one word, for who remembers it so.
    """

    parts: tuple[str, ...]
    line: str


@lru_cache(_KEPT)
def words(text: str) -> Words:
    """The words of a text, case and accents aside: ``custEmail_addr`` is cust, email, addr."""
    found: list[str] = []
    written: list[str] = []
    for segment in _segments(text):
        found += segment
        written += segment
        if len(segment) > 1:
            written.append("".join(segment)[:LONGEST])
    return Words(tuple(found), " ".join(written))


def _segments(text: str) -> list[list[str]]:
    found = []
    for segment in _SEGMENTS.findall(_plain(text)):
        apart = [word.casefold()[:LONGEST] for word in _SEAMS.split(segment) if word]
        if apart:
            found.append(apart)
    return found


def _plain(text: str) -> str:
    """Without accents and other marks, and with one form for what looks alike."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    return "".join(char for char in apart if not unicodedata.combining(char))


def edits(word: str) -> set[str]:
    """Every word of ASCII letters and digits that one slip makes of another one."""
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    found = {a + b[1:] for a, b in cuts if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    for char in _LETTERS:
        found |= {a + char + b[1:] for a, b in cuts if b}
        found |= {a + char + b for a, b in cuts}
    return found - {word}


def grams(word: str) -> set[str]:
    """The runs of three characters in a word, its two ends marked."""
    padded = f"\x02{word}\x03"
    return {padded[n : n + 3] for n in range(len(padded) - 2)}


def similarity(one: str, other: str) -> float:
    """How alike two words are, 0 to 1: twice what they share by what they have (Dice)."""
    ours, theirs = grams(one), grams(other)
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))
