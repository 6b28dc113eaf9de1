"""The read API of Marquez, answered from this workspace.

Paths, parameters and members are those of Marquez 0.51, so that its clients read from here. What
holds ``:`` or ``/`` is percent-encoded in a path, as its clients do.
"""

from __future__ import annotations

from typing import Final

from tracehold.questions.marquez.events import EVENTS
from tracehold.questions.marquez.graphs import GRAPHS
from tracehold.questions.marquez.lists import LISTS
from tracehold.questions.marquez.searching import SEARCHES
from tracehold.questions.marquez.stats import STATS

__all__ = ["MARQUEZ"]

MARQUEZ: Final = (*LISTS, *GRAPHS, *EVENTS, *SEARCHES, *STATS)
"""Every question of Marquez' read API; the name is the path below ``/api/v1/``."""
