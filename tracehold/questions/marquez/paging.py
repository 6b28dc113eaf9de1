"""Pages as Marquez has them: so many rows behind so many others."""

from __future__ import annotations

from typing import Final

from lineage.errors import InvalidInput
from tracehold.questions.question import Body

__all__ = ["Paged"]

MOST: Final = 1000


class Paged(Body, frozen=True, kw_only=True):
    """So many rows, behind so many others."""

    limit: int = 100
    offset: int = 0

    def page(self) -> tuple[int, int]:
        """Limit and offset.

        Raises:
            InvalidInput: One of them is out of bounds.
        """
        if not 0 <= self.limit <= MOST:
            raise InvalidInput(
                f"a page has at most {MOST} rows", where="limit", advice="go on with offset"
            )
        if not 0 <= self.offset < 1 << 53:
            raise InvalidInput(
                "a page begins at row 0 or behind it",
                where="offset",
                advice="give 0 for the first page, then add the limit each time",
            )
        return self.limit, self.offset
