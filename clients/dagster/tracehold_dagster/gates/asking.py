"""A step asks: what it reads is reported first, so that the server can judge exactly that."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from dagster import AssetKey, DagsterInstance, Failure, OpExecutionContext

from tracehold_dagster.errors import TraceholdError, Unreachable
from tracehold_dagster.gates.inputs import Read, runs_of
from tracehold_dagster.gates.showing import VERDICT
from tracehold_dagster.gates.verdicts import Demand, Question, Used, Verdict, ask
from tracehold_dagster.names import Naming
from tracehold_dagster.reading import read_run
from tracehold_dagster.records import AssetGraph
from tracehold_dagster.sending import Sender
from tracehold_dagster.settings import Settings
from tracehold_dagster.tailing import Reading, flush

__all__ = ["ERROR", "Asking", "GateClosed", "NoVerdict", "naming_for"]

ERROR: Final = "tracehold/error"
"""Label of the kind of error behind a ``NoVerdict``, at the failure of the step."""

_PAUSES: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between two questions, until the time to wait is over."""


def naming_for(context: OpExecutionContext, settings: Settings) -> Naming:
    """How things are named where a step runs: as the sensor of its location names them."""
    location = read_run(context.run).location or "dagster"
    return settings.naming(os.environ, location=location)


class GateClosed(Failure):
    """The server says no, so a step ended before its own code; lineage tells this name."""


class NoVerdict(Failure):
    """The server said nothing, so a step ended before its own code; lineage tells this name."""

    def __init__(self, error: TraceholdError) -> None:
        """``error`` says why there is no verdict; only where it may pass is the step retried."""
        super().__init__(
            f"No verdict could be had, so this does not run: {error}",
            metadata={ERROR: type(error).__name__},
            allow_retries=isinstance(error, Unreachable),
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """How a step asks.

    Attributes:
        settings: Where the server is.
        demand: What is asked.
        wait: Seconds to wait for what was read to arrive at the server.
        grace: Seconds during which the last positive verdict on the same versions holds while the
            server cannot be reached; 0 for none.
        clock: Epoch seconds.
        sleep: Waits for seconds.
    """

    settings: Settings
    demand: Demand
    wait: float = 10.0
    grace: float = 0.0
    clock: Callable[[], float] = field(default=time.time, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def question(self, subject: tuple[str, str], reads: Sequence[Read], run: str) -> Question:
        """The question about what is read, to make something of that namespace and name."""
        used = {
            (one.namespace, one.name, one.version): Used(
                one.namespace,
                one.name,
                one.version,
                self.demand.columns.get(one.key.to_user_string(), {}),
                tuple(self.demand.checks.get(one.key.to_user_string(), ())),
            )
            for one in reads
        }
        return Question(*subject, tuple(used[key] for key in sorted(used)), self.demand, run)

    def verdict(
        self,
        context: OpExecutionContext,
        question: Question,
        reads: Sequence[Read],
        *,
        graph: AssetGraph,
        naming: Naming,
        made: Sequence[AssetKey],
    ) -> Verdict:
        """What the server says; while it cannot be reached, what it said last, within the grace.

        Args:
            context: Of the step.
            question: From ``question``.
            reads: What it is about.
            graph: Of the code location.
            naming: How things are named.
            made: What the step makes; where the last verdict is looked for.

        Raises:
            TraceholdError: There is no verdict to be had.
        """
        try:
            with closing(self.settings.sender(os.environ)) as sender:
                reading = Reading(naming, graph)
                return self._asked(sender, context, question, reads, reading)
        except Unreachable:
            held = self._held(context.instance, question, made)
            if held is None:
                raise
            context.log.warning(
                "The Tracehold server cannot be reached; its last verdict on the same versions"
                " holds for %g seconds.",
                self.grace,
            )
            return held

    def _asked(
        self,
        sender: Sender,
        context: OpExecutionContext,
        question: Question,
        reads: Sequence[Read],
        reading: Reading,
    ) -> Verdict:
        instance = context.instance
        if any(one.run_id == context.run_id for one in reads):
            # Made in this very run: the sensor cannot have read that yet.
            flush(instance, [context.run_id], reading, sender.send)
        verdict = ask(sender, question, at=self.clock())
        if verdict.allowed:
            return verdict
        runs = [*runs_of(reads), context.run_id]
        sent = flush(instance, dict.fromkeys(runs), reading, sender.send)
        if verdict.unseen or sent.taken > sent.duplicates:
            verdict = ask(sender, question, at=self.clock())
        until = self.clock() + self.wait
        pauses = iter(_PAUSES)
        pause = _PAUSES[0]
        while verdict.unseen and self.clock() + pause <= until:
            self.sleep(pause)
            verdict = ask(sender, question, at=self.clock())
            pause = next(pauses, _PAUSES[-1])
        return verdict

    def _held(
        self, instance: DagsterInstance, question: Question, made: Sequence[AssetKey]
    ) -> Verdict | None:
        """The last positive verdict on the same question, if it is not too old."""
        for key in made if self.grace > 0 else ():
            event = instance.get_latest_materialization_event(key)
            said = event.asset_materialization if event is not None else None
            noted: Any = said.metadata.get(VERDICT) if said is not None else None
            told = getattr(noted, "value", None)
            if not isinstance(told, dict) or told.get("question") != question.digest():
                continue
            if 0 <= self.clock() - float(told.get("at", 0)) <= self.grace:
                return Verdict(
                    allowed=True,
                    gates=told.get("gates") or {},
                    waivers=tuple(told.get("waivers") or ()),
                    fact=str(told.get("fact", "")),
                    at=float(told["at"]),
                )
        return None
