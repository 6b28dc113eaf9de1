"""The page of figures: each scenario has a section, renewed alone by whoever measures it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from campaign_page import machine

__all__ = ["PAGE", "renewed", "section"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "benchmarks.md"
_HEAD = """\
# Benchmarks

Written by `tests/bench/bench.py`; run it yourself with `make bench`. Each section says when and how it was measured.

Load, where a section names no other: OpenLineage events of 14 kB (three datasets of 20 columns, column lineage), START and COMPLETE; 32
senders beside the server on the same cores; each round in a fresh workspace. *Wanted* is what the figure is held to.
"""  # noqa: E501 - lines of the page


def section(title: str, note: str, figures: str, *, words: Sequence[str], busy: float) -> str:
    """The section of one scenario.

    Args:
        title: Its heading.
        note: What a reader must know; may be empty.
        figures: The table.
        words: What the bench was called with.
        busy: Load average of the machine before.
    """
    command = f"make bench ARGS={shlex.quote(' '.join(words))}"
    measured = f"{datetime.now(UTC):%Y-%m-%d} · {machine()} · load before: {busy:.1f} · `{command}`"
    return "\n\n".join(filter(None, (f"## {title}", note, measured, figures))) + "\n"


def renewed(page: str, fresh: str, order: Sequence[str]) -> str:
    """The page with a section in the place of its former one.

    Args:
        page: As it was; may be empty.
        fresh: What ``section`` made.
        order: Titles in the order in which their sections stand; others go.
    """
    parts = [*re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:], fresh]
    sections = {part.partition("\n")[0].removeprefix("## "): part.strip() for part in parts}
    kept = [sections[title] for title in order if title in sections]
    return "\n\n".join([_HEAD.strip(), *kept]) + "\n"
