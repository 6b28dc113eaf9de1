"""Whether data may be used to make something: the judgement of the gate ``use``.

It is asked at the start of a run, for exact versions of the inputs. What hangs on the content of a
version (personal data, results of checks, columns) is judged as it was while that version was the
newest; what hangs on the dataset (license, purpose, retention) as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec

from catalog.judgement import Judgement, Reason, Weight, judgement
from catalog.licenses.ancestry import Ancestry, ancestry
from catalog.licenses.uses import USES
from catalog.licenses.verdict import license_verdict
from catalog.purposes import purpose_verdict
from catalog.waivers import active_waivers, apply_waivers
from lineage.facts import Json
from lineage.refs import DatasetRef
from lineage.state.port import AspectValue
from lineage.state.resolve import MANY
from lineage.trace.names import reference_text
from privacy.exposure import exposure
from privacy.retention.due import due_list
from tracehold.judging import View
from tracehold.services import Services
from tracehold.training import decide_train, judge_personal, judge_quality
from tracehold.used import AskUse, UsedInput, subject_of

if TYPE_CHECKING:
    from catalog.manifests import Policy

__all__ = ["judge_use"]


@dataclass(frozen=True, slots=True)
class _Placed:
    """An input that the state knows: since when its version stands, and until when it counts."""

    given: UsedInput
    ref: str
    key: str
    since: int | None
    moment: int


def judge_use(services: Services, view: View, asked: AskUse, *, as_of: int) -> dict[str, Json]:
    """Judge the inputs at every gate asked for, with the waivers of the subject in force.

    Args:
        services: The workspace; its policy and its clock of judgement.
        view: What is known.
        asked: The question; see ``tracehold.used.require_sound``.
        as_of: Epoch milliseconds.

    Returns:
        The answer. Where ``unseen`` names inputs, nothing was judged: their versions have not
        arrived yet.
    """
    subject = subject_of(asked)
    policy, key = services.policy(), subject.key(services.identity)
    bench = _Bench(services, policy, view, asked, str(subject), key, as_of)
    placed, unseen = bench.place()
    judged = [] if unseen else [*bench.judge(placed)]
    answer = decide_train(judged)
    reasons = [str(reason) for reason in answer.reasons]
    if unseen:
        reasons = [f"not reported yet: {one}" for one in unseen]
    return {
        "question": "use",
        "subject": str(subject),
        "allowed": not unseen and answer.verdict == "allowed",
        "verdict": "unknown" if unseen else answer.verdict,
        "unseen": unseen,
        "gates": {name: _outcome([j for j in judged if j.question == name]) for name in asked.gates}
        if judged else {},
        "reasons": reasons,
        "path": list(answer.path),
        "waiver": ", ".join(answer.waivers),
        "causes": [reason.as_dict() for reason in answer.reasons],
        "use": next((one.use for one in judged if one.use), ""),
        "purpose": asked.purpose,
        "obligations": sorted({line for one in judged for line in one.obligations}),
        "basis": sorted({line for one in judged for line in one.basis}),
        "facts": sorted({fact for one in judged for fact in one.facts}),
        "asked": msgspec.to_builtins(asked),
        "as_of": as_of,
        "known_at": view.state.position(),
        "policy_digest": policy.digest,
        "fold_version": view.state.fold_version(),
    }  # fmt: skip


def _outcome(judged: Sequence[Judgement]) -> str:
    if not all(one.passes for one in judged):
        return "failed"
    return "waived" if any(one.blocking for one in judged) else "passed"


@dataclass(frozen=True, slots=True)
class _Bench:
    services: Services
    policy: Policy
    view: View
    asked: AskUse
    subject: str
    key: str
    as_of: int
    walked: dict[tuple[int, tuple[str, ...]], Ancestry] = field(default_factory=dict)

    def reached(self, moment: int, keys: Sequence[str]) -> Ancestry:
        """What some datasets were made from as of a moment; walked once for all gates."""
        place = (moment, tuple(keys))
        if place not in self.walked:
            view = self.view
            self.walked[place] = ancestry(view.reader, view.state, keys, as_of=moment)
        return self.walked[place]

    def place(self) -> tuple[list[_Placed], list[str]]:
        """The inputs that are known, and references of those that are not."""
        placed, unseen = [], []
        for given in self.asked.inputs:
            ref = given.ref
            key = ref.key(self.services.identity)
            span: tuple[int, int | None] | None = None
            if given.version:
                span = self.view.state.current_span(key, given.version)
                known = span is not None and span[0] <= self.as_of
            else:
                known = self.view.state.node(key) is not None
            if not known:
                unseen.append(str(DatasetRef(ref.namespace, ref.name, given.version or None)))
                continue
            since, until = span or (None, None)
            moment = self.as_of if until is None else min(self.as_of, until - 1)
            placed.append(_Placed(given, str(ref), key, since, moment))
        return placed, unseen

    def judge(self, placed: Sequence[_Placed]) -> Iterator[Judgement]:
        """Every judgement asked for, with waivers noted."""
        state = self.view.state
        said = state.aspects([self.key], ["waiver", "waiver_ended"], self.as_of)
        waivers = active_waivers(said.get(self.key, {}), self.as_of)
        use = USES[self.asked.use or "train-for-release"]
        for name in dict.fromkeys(self.asked.gates):
            for one in _GATES[name](self, placed):
                yield apply_waivers(one, waivers, use)
        unpinned = [
            Reason("unpinned", "its version is not known; the newest was judged", one.ref,
                   weight="flag")
            for one in placed if not one.given.version
        ]  # fmt: skip
        yield judgement("use", self.subject, unpinned, (), ())

    def content(self, placed: Sequence[_Placed]) -> dict[int, list[str]]:
        """Moment → keys of the inputs whose content is that of then.

        A version that another followed is still in the dataset, unless that one proved to replace
        everything.
        """
        passages = self.view.state.passages()
        moments: dict[int, set[str]] = {}
        for one in placed:
            behind = None if one.moment == self.as_of else passages.replaced(
                one.key, one.since or 0
            )  # fmt: skip
            moment = self.as_of if behind is None else min(self.as_of, behind - 1)
            moments.setdefault(moment, set()).add(one.key)
        return {moment: sorted(keys) for moment, keys in moments.items()}

    def license(self, placed: Sequence[_Placed]) -> Iterator[Judgement]:
        """Licenses of everything that is in the inputs."""
        view, services = self.view, self.services
        for moment, keys in self.content(placed).items():
            yield license_verdict(
                view.reader, view.state, services.identity, self.key, as_of=moment,
                policy=self.policy, use=self.asked.use, known_at=view.state.position(),
                inputs=keys, subject=self.subject, truncated=view.truncated,
                waived_at=self.as_of, reached=self.reached(moment, keys),
            )  # fmt: skip

    def purpose(self, placed: Sequence[_Placed]) -> Iterator[Judgement]:
        """Purposes of everything that is in the inputs."""
        for moment, keys in self.content(placed).items():
            yield purpose_verdict(
                self.view.state, self.reached(moment, keys), purpose=self.asked.purpose,
                subject=self.subject,
            )  # fmt: skip

    def pii(self, placed: Sequence[_Placed]) -> Iterator[Judgement]:
        """Personal data that is in the inputs, or may be: what nobody scanned is unknown."""
        groups: dict[int, list[_Placed]] = {}
        for one in placed:
            groups.setdefault(one.moment, []).append(one)
        for moment, some in groups.items():
            found = exposure(
                self.view.reader, self.view.state, self.services.identity, as_of=moment,
                policy_digest=self.policy.digest, ends=sorted({p.key for p in some}),
            )  # fmt: skip
            for one in some:
                yield judge_personal(found, one.ref)
                yield judgement("pii", one.ref, [*self._unscanned(one)], (), ())

    def _unscanned(self, one: _Placed) -> Iterator[Reason]:
        state = self.view.state
        known = state.aspects([one.key], ["scan", "pii"], one.moment).get(one.key, {})
        scans = [value for values in known.values() for value in values]
        if any(_is_of(scan, one) for scan in scans):
            return
        reached = self.reached(one.moment, [one.key])
        looked = state.aspects(reached.keys, ["scan", "pii"], one.moment)
        what = "it was never scanned for personal data"
        for source in reached.sources:
            members = reached.members[source]
            if source in reached.start:
                what = "this version was not scanned" if scans else what
            elif any(key in looked for key in members):
                continue
            way = reached.path(source)
            nodes = state.nodes(way)
            path = tuple(reference_text(nodes.get(key), key) for key in way)
            yield Reason("not-scanned", what, one.ref, path, "unknown")

    def quality(self, placed: Sequence[_Placed]) -> Iterator[Judgement]:
        """Results of checks on these very versions; none at all is unknown."""
        for one in placed:
            results = self._results(one)
            yield judge_quality(results, one.ref)
            told = {value.slot for value in results} | {_rule(value) for value in results}
            missing = [name for name in one.given.checks if name not in told]
            reasons = [
                Reason("not-checked", f"the check {name} has no result for this version", one.ref,
                       weight="unknown")
                for name in missing
            ]  # fmt: skip
            if not results and not missing:
                what = "no check has a result for this version"
                reasons.append(Reason("not-checked", what, one.ref, weight="unknown"))
            yield judgement("quality", one.ref, reasons, (), ())

    def _results(self, one: _Placed) -> list[AspectValue]:
        """The newest result of every rule that was checked on a version.

        Checks run in steps of their own, and each reports only itself: one that is not repeated
        still holds for the version.
        """
        state = self.view.state
        if one.since is None:
            now = state.aspects([one.key], ["assertions"], one.moment)
            return now.get(one.key, {}).get("assertions", [])
        newest = {
            slot: replace(told, slot=slot, value=said)
            for told in state.history(one.key, "assertions")
            # A facet with many results is kept as one value.
            if told.slot == MANY and one.since <= told.time <= one.moment
            for slot, said in (told.value or {}).items()
        }
        return [newest[slot] for slot in sorted(newest)]

    def retention(self, placed: Sequence[_Placed]) -> Iterator[Judgement]:
        """Whether the inputs may still be kept; without a class nobody knows."""
        services, keys = self.services, {one.key: one.ref for one in placed}
        policy, fixed = self.policy, services.settings.clock.judgement_now
        rows = due_list(
            self.view.reader, self.view.state, policy.retention_classes,
            now=self.as_of if fixed is None else fixed, policy_digest=policy.digest,
            keys=sorted(keys), parents=self.reached(self.as_of, sorted(keys)).keys,
        )  # fmt: skip
        decided = {row.key: row for row in rows}
        for key, ref in sorted(keys.items()):
            row = decided.get(key)
            if row is None:
                reasons = [Reason("purged", "it was purged and not written since", ref)]
                yield judgement("retention", ref, reasons, (), ())
                continue
            outcome, why = row.decision.outcome, "; ".join(row.decision.reasons)
            weight = _RETENTION.get(outcome)
            found = [] if weight is None else [Reason(outcome, why, ref, weight=weight)]
            yield judgement("retention", ref, found, row.facts, [f"{ref}: {outcome}: {why}"])

    def schema(self, placed: Sequence[_Placed]) -> Iterator[Judgement]:
        """Whether the columns relied on are there, of the types relied on."""
        for one in placed:
            if not one.given.columns:
                continue
            values = self.view.state.aspects([one.key], ["schema"], one.moment)
            said = values.get(one.key, {}).get("schema", [])
            if not said:
                reasons = [Reason("no-schema", "its columns are not recorded", one.ref,
                                  weight="unknown")]  # fmt: skip
                yield judgement("schema", one.ref, reasons, (), ())
                continue
            have = {
                str(field["name"]): str(field.get("type") or "")
                for field in said[0].value.get("fields") or ()
            }
            reasons = [*_breaches(one, have)]
            yield judgement("schema", one.ref, reasons, [said[0].fact_id], ())


def _breaches(one: _Placed, have: Mapping[str, str]) -> Iterator[Reason]:
    for column, wanted in one.given.columns.items():
        if column not in have:
            yield Reason("no-column", f"there is no column {column}", one.ref)
        elif wanted and have[column].lower() != wanted.lower():
            what = f"{column} is {have[column] or 'of no recorded type'}, not {wanted}"
            yield Reason("column-type", what, one.ref)


def _is_of(scan: AspectValue, one: _Placed) -> bool:
    """Whether a scan is of this version."""
    if one.since is None or scan.time >= one.since:
        return True
    said = scan.value.get("scanned_version") if isinstance(scan.value, dict) else None
    return bool(said) and said == one.given.version


def _rule(result: AspectValue) -> str:
    said = result.value if isinstance(result.value, dict) else {}
    return str(said.get("name") or said.get("assertion") or "")


_RETENTION: Final[Mapping[str, Weight]] = {
    "due": "deny", "conflict": "unknown", "review": "unknown", "held": "flag",
}  # fmt: skip
_GATES: Final[Mapping[str, Callable[[_Bench, Sequence[_Placed]], Iterator[Judgement]]]] = {
    "license": _Bench.license,
    "purpose": _Bench.purpose,
    "pii": _Bench.pii,
    "quality": _Bench.quality,
    "retention": _Bench.retention,
    "schema": _Bench.schema,
}
