"""The name of the detection engine, known without loading it."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["engine"]


def engine() -> str:
    """Engine and version, for the record."""
    return f"presidio-analyzer {version('presidio-analyzer')} (patterns only)"
