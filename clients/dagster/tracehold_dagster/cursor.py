"""How far an event log has been sent: what a sensor remembers between two evaluations."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Cursor", "Progress"]

_VERSION: Final = 1


@dataclass(slots=True)
class Progress:
    """How far one run has been sent.

    Attributes:
        at: Dagster's cursor behind the last record; None before the first, and where the log is
            read by storage id.
        carried: What the translator carries from one part of the run to the next, as JSON.
    """

    at: str | None = None
    carried: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Cursor:
    """How far all of it has been sent.

    Attributes:
        log: Storage id of the last record, where the log is read by it.
        since: Runs updated before this time, in epoch microseconds, are known; where it is read
            run by run.
        runs: The runs that may record more.
    """

    log: int = 0
    since: int = 0
    runs: dict[str, Progress] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """The cursor that ``text`` holds; the very beginning where it holds none of ours.

        To begin again costs time and nothing else: the server knows what it had before.
        """
        try:
            held = json.loads(text or "{}")
            if held.get("version") != _VERSION:
                return cls()
            return cls(
                int(held["log"]),
                int(held["since"]),
                {run_id: Progress(at, carried) for run_id, (at, carried) in held["runs"].items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def text(self) -> str:
        """What `read` reads."""
        held = {
            "version": _VERSION,
            "log": self.log,
            "since": self.since,
            "runs": {run_id: [run.at, run.carried] for run_id, run in self.runs.items()},
        }
        return json.dumps(held, separators=(",", ":"))
