"""What a Tracehold server says of exact versions of data: question and answer, without Dagster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from tracehold_dagster.errors import Misconfigured
from tracehold_dagster.sending import Sender

__all__ = ["GATES", "Demand", "GateName", "Question", "UseName", "Used", "Verdict", "ask"]

GateName = Literal["license", "purpose", "pii", "quality", "retention", "schema"]
UseName = Literal["train-for-release", "train-internal", "evaluate"]
GATES: Final[tuple[GateName, ...]] = (
    "license", "purpose", "pii", "quality", "retention", "schema",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of whatever is read.

    Attributes:
        gates: Which must open.
        use: What the data are used for; None for the server's strictest.
        purpose: DPV code, for the gate ``purpose``.
        model: ``NAME@VERSION`` where what is made is that version of a model.
        checks: Asset, as Dagster shows its key → checks that must have a result.
        columns: Asset → column → type relied on; an empty type stands for any.
    """

    gates: tuple[GateName, ...]
    use: UseName | None = None
    purpose: str | None = None
    model: str | None = None
    checks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no server can answer.

        Raises:
            Misconfigured: Says which argument, and what it takes.
        """
        unknown = [name for name in self.gates if name not in GATES]
        if unknown or not self.gates:
            raise Misconfigured(
                f"there is no gate {unknown[0]!r}" if unknown else "no gate is named",
                where="gates",
                advice=f"gates: {', '.join(GATES)}",
            )
        if ("purpose" in self.gates) != bool(self.purpose):
            raise Misconfigured(
                "a purpose and the gate for it belong together",
                where="purpose",
                advice="name both, for example gates=['purpose'], purpose='dpv:ServiceProvision'",
            )
        if ("schema" in self.gates) != bool(self.columns):
            raise Misconfigured(
                "columns and the gate for them belong together",
                where="columns",
                advice="name both, for example gates=['schema'], columns={'orders': {'id': 'int'}}",
            )


@dataclass(frozen=True, slots=True)
class Used:
    """One version of a dataset that is read.

    Attributes:
        namespace: Of the dataset.
        name: Of the dataset.
        version: The data version; empty where nobody recorded one.
        columns: Column → type relied on.
        checks: Checks that must have a result.
    """

    namespace: str
    name: str
    version: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """May these versions be used to make that?

    Attributes:
        namespace: Of what is made.
        name: Of what is made.
        inputs: What is read.
        demand: Which gates, and for what.
        run: Id of the run that asks.
    """

    namespace: str
    name: str
    inputs: tuple[Used, ...]
    demand: Demand
    run: str = ""

    def body(self) -> dict[str, Any]:
        """The question as the server takes it."""
        demand = self.demand
        return {
            "namespace": self.namespace,
            "name": self.name,
            "model": demand.model or "",
            "inputs": [asdict(one) for one in self.inputs],
            "gates": list(demand.gates),
            "use": demand.use or "",
            "purpose": demand.purpose or "",
            "run": self.run,
        }

    def digest(self) -> str:
        """The same for the same question, whichever run asks it."""
        text = json.dumps({**self.body(), "run": ""}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer.

    Attributes:
        allowed: Whether to go on.
        gates: Gate → ``passed``, ``waived`` or ``failed``.
        causes: What was found: ``code``, ``what``, ``path``, ``weight``, ``waiver`` each.
        unseen: Versions that had not arrived at the server; nothing is judged then.
        waivers: Ids of the waivers that opened a gate.
        fact: Id of the fact that keeps it.
        obligations: What must be done where the data are used so.
        at: When it was given, epoch seconds.
    """

    allowed: bool
    gates: Mapping[str, str] = field(default_factory=dict)
    causes: tuple[Mapping[str, Any], ...] = ()
    unseen: tuple[str, ...] = ()
    waivers: tuple[str, ...] = ()
    fact: str = ""
    obligations: tuple[str, ...] = ()
    at: float = 0.0

    @property
    def outcome(self) -> Literal["passed", "waived", "failed"]:
        """In a word."""
        if not self.allowed:
            return "failed"
        return "waived" if self.waivers else "passed"

    @property
    def open_causes(self) -> list[Mapping[str, Any]]:
        """What closes the gate: neither waived nor merely shown."""
        return [one for one in self.causes if one.get("weight") != "flag" and not one.get("waiver")]

    def as_facet(self) -> dict[str, Any]:
        """Members of ``tracehold_qualityGate`` of what is made behind the gate."""
        failed = sum(1 for one in self.gates.values() if one == "failed")
        said = {
            "gate": "use",
            "outcome": self.outcome,
            "checks": len(self.gates),
            "failed": failed,
            "waiver": ", ".join(self.waivers),
        }
        return {name: value for name, value in said.items() if value != ""}

    def reasons(self) -> list[str]:
        """Why it is closed: one line each."""
        if self.unseen:
            return [f"not known to the server yet: {', '.join(self.unseen)}"]
        lines = []
        for cause in self.open_causes:
            way = " → ".join(map(str, cause.get("path") or (cause.get("ref", ""),)))
            lines.append(f"{cause.get('what')}: {way}")
        return lines or [self.outcome]

    def explain(self) -> str:
        """Why it is closed, on one line."""
        return "; ".join(self.reasons())


def ask(sender: Sender, question: Question, *, at: float = 0.0) -> Verdict:
    """Ask the server.

    Args:
        sender: A connection to it.
        question: What to ask.
        at: The present, epoch seconds; kept with the answer.

    Raises:
        Unreachable: It cannot be reached, or cannot answer now.
        NotAllowed: The token may not ask.
        Misconfigured: The server does not understand the question.
    """
    status, answer = sender.call("POST", "gates/use", question.body())
    said = answer if isinstance(answer, dict) else {}
    if (status == 404 and "what" not in said) or status == 405:
        raise Misconfigured(
            "the Tracehold server has no gate for this client",
            where=sender.url,
            advice="bring the server to the release of this package",
        )
    if status != 200 or not isinstance(said.get("allowed"), bool):
        raise Misconfigured(
            str(said.get("what") or f"the server answered HTTP {status} to a question of a gate"),
            where=str(said.get("where") or sender.url),
            advice=str(said.get("advice") or ""),
        )
    return Verdict(
        allowed=said["allowed"],
        gates=said.get("gates") or {},
        causes=tuple(said.get("causes") or ()),
        unseen=tuple(said.get("unseen") or ()),
        waivers=tuple(one for one in str(said.get("waiver") or "").split(", ") if one),
        fact=str(said.get("fact") or ""),
        obligations=tuple(said.get("obligations") or ()),
        at=at,
    )
