"""Gates: steps that ask a Tracehold server before they run, and checks that ask for a dataset."""

from __future__ import annotations

from tracehold_dagster.gates.guard import guarded

__all__ = ["guarded"]
