"""Choices read off bytes: a whole history costs Hypothesis one draw instead of hundreds.

Bytes shrink well all the same: a choice of fewer or smaller bytes is the first of its options, so
the options that say least stand first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

__all__ = ["Choices", "chosen"]

T = TypeVar("T")


class Choices:
    """Takes one byte after the other; when there are no more, the first option is taken."""

    def __init__(self, source: bytes) -> None:
        self._bytes = iter(source)

    def below(self, number: int) -> int:
        """A number from 0 to this one, which is left out and at most 256."""
        return next(self._bytes, 0) % number

    def between(self, least: int, most: int) -> int:
        """A number from the one to the other."""
        return least + self.below(most - least + 1)

    def yes(self) -> bool:
        """Yes or no."""
        return self.below(2) == 1

    def of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def some(self, options: Sequence[T], most: int, least: int = 0) -> list[T]:
        """Different ones of the options, in any order."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in range(self.between(least, most))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All the options in any order."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in options]


def chosen(make: Callable[[Choices], T], *, size: int = 600) -> st.SearchStrategy[T]:
    """What a function makes of so many choices; those beyond are the first of their options."""
    return st.binary(min_size=size, max_size=size).map(lambda drawn: make(Choices(drawn)))
