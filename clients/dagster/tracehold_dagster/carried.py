"""What is carried from one batch of a run's records to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tracehold_dagster.records import Json

__all__ = ["Carried", "OpenStep"]


@dataclass(slots=True)
class OpenStep:
    """An attempt that has begun and not ended.

    Attributes:
        inputs: Input datasets so far, by name.
        outputs: Output datasets that no event has told yet, by name.
        facets: Facets of the run that its own metadata gave.
        told: How many outputs events have told already.
    """

    inputs: dict[str, Json] = field(default_factory=dict)
    outputs: dict[str, Json] = field(default_factory=dict)
    facets: dict[str, Json] = field(default_factory=dict)
    told: int = 0


@dataclass(slots=True)
class Carried:
    """The state of one Dagster run, as the translator left it.

    It never grows with a run's length: steps leave it when they end, and of versions made only the
    newest are kept.

    Attributes:
        of_assets: Whether the run was seen to plan assets or checks.
        planned: How many assets a step is to make, where its op makes several.
        attempts: Attempt (from 0) of each step that was restarted.
        steps: The attempts that have begun and not ended, by step key.
        made: Data version by partition (empty where there is none), by asset, of what the run made.
    """

    of_assets: bool = False
    planned: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    steps: dict[str, OpenStep] = field(default_factory=dict)
    made: dict[str, dict[str, str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for a cursor; what is empty is left out."""
        steps = {
            key: {
                name: value
                for name in ("inputs", "outputs", "facets", "told")
                if (value := getattr(step, name))
            }
            for key, step in self.steps.items()
        }
        whole = {
            "of_assets": self.of_assets,
            "planned": self.planned,
            "attempts": self.attempts,
            "steps": steps,
            "made": self.made,
        }
        return {name: value for name, value in whole.items() if value}

    @classmethod
    def from_json(cls, value: Json) -> Carried:
        """The inverse of ``to_json``."""
        return cls(
            of_assets=bool(value.get("of_assets", False)),
            planned=dict(value.get("planned", {})),
            attempts=dict(value.get("attempts", {})),
            steps={key: OpenStep(**step) for key, step in value.get("steps", {}).items()},
            made={asset: dict(made) for asset, made in value.get("made", {}).items()},
        )
