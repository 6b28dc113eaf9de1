"""What an import could not map: kinds of things, how many of each, where the first one stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from lineage.facts import Json

__all__ = ["Report"]


@dataclass(slots=True)
class _Left:
    count: int
    where: str


@dataclass(slots=True)
class Report:
    """Collects while a reader reads. No text of it is a value that was read."""

    _left: dict[tuple[str, str], _Left] = field(default_factory=dict)

    def skip(self, what: str, why: str, where: str = "", count: int = 1) -> None:
        """Note that something was not mapped.

        Args:
            what: Its kind, for example ``tests without a result``.
            why: Why it is left out, or what to do about it.
            where: File, line, member or id of it; the first one given is kept.
            count: How many there are; nothing is noted for none.
        """
        if count <= 0:
            return
        known = self._left.setdefault((what, why), _Left(0, where))
        known.count += count

    def as_list(self) -> list[dict[str, Json]]:
        """Everything left out, by kind."""
        return [
            {"what": what, "why": why, "count": left.count, "where": left.where}
            for (what, why), left in sorted(self._left.items())
        ]
