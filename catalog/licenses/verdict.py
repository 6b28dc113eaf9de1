"""The license verdict: may a model, or a dataset, be used so, given all it was made from?

Terms follow the data (REQ-17): every license reached by content lineage holds for the model. A
source without a license is unknown, and unknown blocks. What the trace could not see blocks too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from catalog.errors import BadManifest
from catalog.judgement import Judgement, Reason, Verdict
from catalog.licenses.ancestry import WIDE, Ancestry, ancestry
from catalog.licenses.clauses import Clause, Result
from catalog.licenses.declared import Held, held_license
from catalog.licenses.settle import Settlement, settle
from catalog.licenses.terms import find_terms
from catalog.licenses.uses import USES, Severity, Use
from catalog.manifests.policy import Policy
from catalog.manifests.problems import one_of
from catalog.waivers import active_waivers, apply_waivers
from lineage.graph.port import GraphReader, Limits, Node
from lineage.identity import Identity
from lineage.refs import ModelRef, parse_ref
from lineage.state.port import StateReader
from lineage.trace.names import reference_text

__all__ = ["license_verdict"]

_STRICTEST: Final = "train-for-release"
_ORDER: Final = {"deny": 0, "unknown": 1, "flag": 2}


def license_verdict(
    reader: GraphReader,
    state: StateReader,
    identity: Identity,  # noqa: ARG001 - every judgement is asked the same way
    model_key: str,
    *,
    as_of: int,
    policy: Policy,
    use: str = "",
    known_at: int | None = None,
    inputs: Sequence[str] = (),
    subject: str = "",
    limits: Limits = WIDE,
    truncated: Sequence[str] = (),
    waived_at: int | None = None,
    reached: Ancestry | None = None,
) -> Judgement:
    """Judge the licenses of everything that is in a model or a dataset.

    Args:
        reader: The graph.
        state: The state of the same position.
        identity: Derives keys.
        model_key: Key of the model version, or of a dataset.
        as_of: Epoch milliseconds.
        policy: Manifests: use and severity of the model, own license terms.
        use: ``train-for-release``, ``train-internal`` or ``evaluate``; empty for what the model's
            manifest declares, and for the strictest where it declares nothing.
        known_at: Journal position of the state; kept with the judgement.
        inputs: Keys of datasets that the model is about to be trained on, or the dataset to be
            made from, for a gate.
        subject: Reference of the model, or dataset, where the state does not know it yet.
        limits: What the walk may cost.
        truncated: Limits that were met while the state was made.
        waived_at: Moment at which waivers must be in force; None for ``as_of``.
        reached: What the inputs were made from, as of that moment, where the caller knows it; what
            ``model_key`` was made from before does not count then.

    Raises:
        BadManifest: There is no such use.
    """
    node = state.node(model_key)
    remade = bool(inputs) and subject.startswith("dataset:")
    is_model = not remade and (bool(inputs) or (node is not None and node.label == "Model"))
    chosen, severity = _intent(policy, node, subject, use)
    starts = [model_key, *inputs]
    if reached is None:
        reached = ancestry(reader, state, starts, as_of=as_of, limits=limits)
    name = subject or reference_text(node, model_key, "Model" if is_model else "Dataset")
    view = _View(state, reached, name, model_key, as_of)
    reasons, settled, held = view.judge(
        policy, chosen, severity, "work" if is_model else "database"
    )
    if is_model and reached.members and not view.fed(inputs):
        what = "no training data are recorded for it"
        reasons.append(Reason("no-lineage", what, name, (name,), "unknown"))
    reasons += [
        Reason("incomplete", f"the trace stopped at its limit of {limit}", name, (), "unknown")
        for limit in dict.fromkeys((*reached.truncated, *truncated))
    ]
    reasons.sort(key=lambda one: (_ORDER[one.weight], one.code, one.ref))
    credit = {f"{ref}: give credit as: {one.attribution}" for ref, one in held if one.attribution}
    judgement = Judgement(
        question="license",
        subject=name,
        use=chosen.name,
        verdict=_verdict(reasons),
        reasons=tuple(reasons),
        obligations=tuple(sorted({*settled.obligations, *credit})),
        choices=settled.choices,
        basis=tuple(sorted(f"{ref}: {one.expression} ({one.basis})" for ref, one in held)),
        as_of=as_of,
        known_at=known_at,
        policy_digest=policy.digest,
        fold_version=state.fold_version(),
        facts=tuple(sorted({fact for _, one in held for fact in one.facts})),
    )
    moment = as_of if waived_at is None else waived_at
    waivers = state.aspects([model_key], ["waiver", "waiver_ended"], moment).get(model_key, {})
    return apply_waivers(judgement, active_waivers(waivers, moment), chosen)


def _intent(policy: Policy, node: Node | None, subject: str, use: str) -> tuple[Use, Severity]:
    name, version = "", ""
    if node is not None and node.label == "Model":
        name, version = str(node.props.get("name", "")), str(node.props.get("version", ""))
    elif subject and isinstance(ref := parse_ref(subject), ModelRef):
        name, version = ref.name, ref.version
    model = policy.model(name, version)
    wanted = use or (model.use if model is not None else _STRICTEST)
    if wanted not in USES:
        raise BadManifest(f"there is no use {wanted!r}", advice=one_of(wanted, USES, "uses"))
    return USES[wanted], model.license_severity if model is not None else Severity()


def _verdict(reasons: Iterable[Reason]) -> Verdict:
    weights = {reason.weight for reason in reasons}
    return "denied" if "deny" in weights else "unknown" if "unknown" in weights else "allowed"


@dataclass
class _View:
    state: StateReader
    reached: Ancestry
    subject: str
    model_key: str
    as_of: int

    def __post_init__(self) -> None:
        keys = self.reached.keys
        self.nodes = {key: self.state.node(key) for key in keys}
        self.licenses = self.reached.said(self.state, "license")

    def fed(self, inputs: Sequence[str]) -> bool:
        return bool(inputs) or any(self.reached.inputs.get(one) for one in self.reached.start)

    def judge(
        self, policy: Policy, use: Use, severity: Severity, result: Result
    ) -> tuple[list[Reason], Settlement, list[tuple[str, Held]]]:
        held: dict[str, Held] = {}
        for thing, keys in self.reached.members.items():
            values = [v for key in keys for v in self.licenses.get(key, ())]
            found = held_license(values)
            if found is not None:
                held[thing] = found
        today = datetime.fromtimestamp(self.as_of / 1000, UTC).date()
        settled = settle(
            [one.expression for one in held.values()],
            use,
            severity=severity,
            result=result,
            own=policy.own_terms(today),
        )
        reasons = [
            reason
            for clause in settled.clauses
            for reason in self.clause_reasons(clause, settled, held)
        ]
        reasons += self.missing(held)
        reasons += self.disputes(held)
        return reasons, settled, [(self.ref(thing), one) for thing, one in sorted(held.items())]

    def clause_reasons(
        self, clause: Clause, settled: Settlement, held: dict[str, Held]
    ) -> Iterable[Reason]:
        for symbol in clause.licenses:
            things = [
                thing
                for thing, one in held.items()
                if symbol in self.symbols(settled.chosen[one.expression], settled)
            ]
            for thing in self.reached.topmost(things):
                yield self.reason(clause.code, clause.what, thing, clause)

    def symbols(self, taken: frozenset[str], settled: Settlement) -> set[str]:
        """The ids that clauses use for what was taken: a ported license has its row's id."""
        own = {row.id: row for row in settled.terms.licenses}
        found = {one: find_terms(one, own) for one in taken}
        return {row.id if row is not None else one for one, row in found.items()} | set(taken)

    def missing(self, held: dict[str, Held]) -> Iterable[Reason]:
        for thing in self.reached.sources:
            own = thing in self.reached.start and self.model_key in self.reached.members[thing]
            if thing in held or (own and self.is_model(thing)):
                continue
            what = "no license is recorded for a source"
            clause = Clause("no-license", what, "unknown", ())
            yield self.reason("no-license", what, thing, clause)

    def disputes(self, held: dict[str, Held]) -> Iterable[Reason]:
        for thing, one in sorted(held.items()):
            if one.disputed:
                what = f"{one.expression} holds, but {', '.join(one.disputed)} is said as well"
                yield self.reason("disputed", what, thing, Clause("disputed", what, "flag", ()))

    def is_model(self, thing: str) -> bool:
        nodes = [self.nodes[key] for key in self.reached.members[thing]]
        return any(node is None or node.label == "Model" for node in nodes)

    def reason(self, code: str, what: str, thing: str, clause: Clause) -> Reason:
        path = [self.name(key) for key in self.reached.path(thing)]
        if path[-1] != self.subject and self.subject not in path:
            path.append(self.subject)
        return Reason(code, what, path[0], tuple(path), clause.weight)

    def ref(self, thing: str) -> str:
        return self.name(self.reached.path(thing)[0])

    def name(self, key: str) -> str:
        if key == self.model_key:
            return self.subject
        return reference_text(self.nodes.get(key), key)
