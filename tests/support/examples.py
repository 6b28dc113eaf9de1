"""How many examples a property test really tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from campaign import record
from hypothesis import settings
from rounds import in_campaign

__all__ = ["counted_examples", "record_examples", "scale"]

_USUAL = 100
_FIXED = 200


def scale(test: Any) -> None:
    """In a campaign, raise a fixed number of examples as the profile raises the usual one.

    A number from ``rounds`` is larger, and stays as it is.
    """
    asked = getattr(test, "_hypothesis_internal_use_settings", None)
    if not in_campaign() or asked is None or asked.max_examples > _FIXED:
        return
    factor = settings().max_examples // _USUAL
    test._hypothesis_internal_use_settings = settings(
        asked, max_examples=asked.max_examples * factor
    )


@contextmanager
def counted_examples(test: Any) -> Iterator[Callable[[], int]]:
    """Count the calls of the body of a property test while the block runs.

    Args:
        test: A function under ``@given``, or the ``runTest`` of a state machine. A machine's runs
            cannot be counted from outside: the number that its settings ask for is taken.
    """
    handle = getattr(test, "hypothesis", None)
    if handle is None:
        asked = type(test.__self__).settings.max_examples
        yield lambda: asked
        return
    calls = 0
    body = handle.inner_test

    def counting(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        return body(*args, **named)

    counting.__dict__.update(body.__dict__)
    handle.inner_test = counting
    try:
        yield lambda: calls
    finally:
        handle.inner_test = body


def record_examples(path: Path, tried: int, *, failed: int) -> None:
    """Record the examples of one test in the row of its folder."""
    folder = path.parent.name
    record(f"Property tests, {folder}", tried=tried, failed=failed, unit="examples")
