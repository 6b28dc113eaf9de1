"""Errors at the border to Dagster, which keeps every text that it is given."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from lineage.errors import TraceholdError, Unavailable

__all__ = ["EXIT_CODE", "guarded"]

EXIT_CODE = "exit_code"
"""Metadata of a failure: what the command line would have answered (design, command line)."""


@contextmanager
def guarded() -> Iterator[None]:
    """Turn every error into a failure that repeats no text that could hold a value of a row."""
    try:
        yield
    except TraceholdError as error:
        lines = [error.what, error.where and f"at {error.where}", error.advice]
        text = "; ".join(line for line in lines if line)
        again = isinstance(error, Unavailable) and error.http_status == 503
        metadata = {EXIT_CODE: error.exit_code}
        raise _failure(error, text, metadata=metadata, allow_retries=again) from None
    except Exception as error:  # noqa: BLE001 - the texts of libraries quote cells
        frames = traceback.extract_tb(error.__traceback__)
        place = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in frames[:-6:-1])
        raise _failure(
            error,
            f"{type(error).__name__} at {place}; this is a fault of Tracehold or of the data",
            metadata={EXIT_CODE: 70},
            allow_retries=False,
        ) from None


def _failure(error: Exception, description: str, **more: Any) -> dg.Failure:
    """A failure that is called after the error: of a failed step lineage tells the name alone."""
    kind = type(type(error).__name__, (dg.Failure,), {})
    failure: dg.Failure = kind(description, **more)
    return failure
