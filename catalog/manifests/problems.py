"""What is wrong in a manifest, where, and how to put it right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from lineage.facts import Json

__all__ = ["Problem", "one_of"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: Path relative to the workspace, with forward slashes.
        line: Counted from 1.
        field: Path of the field, for example ``collection.from``; empty for a whole document.
        what: What is wrong.
        fix: What to do about it.
    """

    file: str
    line: int
    field: str
    what: str
    fix: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.what}; {self.fix}"

    def as_dict(self) -> dict[str, Json]:
        """The problem as JSON."""
        return {
            "file": self.file,
            "line": self.line,
            "field": self.field,
            "what": self.what,
            "fix": self.fix,
        }


def one_of(text: str, known: Iterable[str], noun: str) -> str:
    """A fix for a name that is not known: the likely one, or all that are known.

    Args:
        text: What was written.
        known: What could have been written.
        noun: What the names are, in the plural.
    """
    names = sorted(known)
    if not names:
        return f"there are no {noun} yet"
    near = get_close_matches(text, names, n=1, cutoff=0.6)
    if not near:
        folded = {name.casefold(): name for name in names}
        near = [
            folded[one] for one in get_close_matches(text.casefold(), list(folded), 1, cutoff=0.6)
        ]
    if near:
        return f"did you mean {near[0]}?"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"known {noun}: {shown}"
