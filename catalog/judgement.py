"""A judgement: what was decided, why, by which path, and what it rests on.

A judgement is a function of state, policy and a date. It stores all three, so that it can be made
again and compared.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lineage.facts import Json

__all__ = ["Judgement", "Reason", "Verdict", "Weight", "judgement"]

Verdict = Literal["allowed", "denied", "unknown"]
Weight = Literal["deny", "unknown", "flag"]
"""``flag`` is shown and does not change the verdict."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a verdict.

    Attributes:
        code: Stable name of the cause, for example ``non-commercial``.
        what: One line in words.
        ref: The reference it concerns.
        path: References from there to the subject, both included; empty where there is no path.
        weight: What it does to the verdict.
        waiver: Id of the waiver that covers it, or empty.
    """

    code: str
    what: str
    ref: str
    path: tuple[str, ...] = ()
    weight: Weight = "deny"
    waiver: str = ""

    def as_dict(self) -> dict[str, Json]:
        """The reason as JSON."""
        return {
            "code": self.code,
            "what": self.what,
            "ref": self.ref,
            "path": list(self.path),
            "weight": self.weight,
            "waiver": self.waiver,
        }

    def __str__(self) -> str:
        text = f"{self.what}: {' → '.join(self.path)}" if self.path else self.what
        return f"{text} (waived by {self.waiver})" if self.waiver else text


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided about a subject.

    Attributes:
        question: What was asked, for example ``license``.
        subject: Reference of what it is about.
        use: The use that was asked for; empty where the question knows none.
        verdict: ``unknown`` blocks as ``denied`` does.
        reasons: The heaviest first.
        obligations: What must be done where the subject is used so, one line each.
        choices: Alternatives that were taken (``OR`` in a license), one line each.
        basis: What it rests on, one line each: two judgements that say the same and rest on the
            same are the same.
        as_of: Valid time that was asked, epoch milliseconds; None for everything so far.
        known_at: Journal position up to which facts were known; None for all.
        policy_digest: Digest of the manifests.
        fold_version: Version of the fold that made the state.
        facts: Ids of the facts cited, sorted.
    """

    question: str
    subject: str
    verdict: Verdict
    use: str = ""
    reasons: tuple[Reason, ...] = ()
    obligations: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    basis: tuple[str, ...] = ()
    as_of: int | None = None
    known_at: int | None = None
    policy_digest: str = ""
    fold_version: str = ""
    facts: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether a gate opens: allowed, or every blocking reason is covered by a waiver."""
        return self.verdict == "allowed" or (bool(self.blocking) and not self.open)

    @property
    def blocking(self) -> tuple[Reason, ...]:
        """Reasons that deny or that are unknown, waived or not."""
        return tuple(reason for reason in self.reasons if reason.weight != "flag")

    @property
    def open(self) -> tuple[Reason, ...]:
        """Blocking reasons that no waiver covers."""
        return tuple(reason for reason in self.blocking if not reason.waiver)

    @property
    def waivers(self) -> tuple[str, ...]:
        """Ids of the waivers that were used, sorted."""
        return tuple(sorted({reason.waiver for reason in self.reasons if reason.waiver}))

    @property
    def path(self) -> tuple[str, ...]:
        """References from the first blocking source to the subject."""
        return next((reason.path for reason in self.blocking if reason.path), ())

    def waived(self, reasons: tuple[Reason, ...], facts: tuple[str, ...]) -> Judgement:
        """The same judgement with waivers noted at its reasons; the verdict stays."""
        cited = tuple(sorted({*self.facts, *facts}))
        return replace(self, reasons=reasons, facts=cited)

    def as_dict(self) -> dict[str, Json]:
        """The judgement as JSON."""
        return {
            "question": self.question,
            "subject": self.subject,
            "use": self.use,
            "verdict": self.verdict,
            "passes": self.passes,
            "reasons": [reason.as_dict() for reason in self.reasons],
            "path": list(self.path),
            "obligations": list(self.obligations),
            "choices": list(self.choices),
            "basis": list(self.basis),
            "waivers": list(self.waivers),
            "as_of": self.as_of,
            "known_at": self.known_at,
            "policy_digest": self.policy_digest,
            "fold_version": self.fold_version,
            "facts": list(self.facts),
        }


def judgement(
    question: str,
    subject: str,
    reasons: Sequence[Reason],
    facts: Collection[str],
    basis: Collection[str],
) -> Judgement:
    """A judgement whose verdict is that of its heaviest reason.

    Args:
        question: What was asked.
        subject: Reference of what it is about.
        reasons: In the order in which they are shown.
        facts: Ids of the facts cited.
        basis: What it rests on, one line each.
    """
    weights = {reason.weight for reason in reasons}
    verdict: Verdict = (
        "denied" if "deny" in weights else "unknown" if "unknown" in weights else "allowed"
    )
    return Judgement(
        question, subject, verdict, reasons=tuple(reasons), basis=tuple(sorted(basis)),
        facts=tuple(sorted(facts)),
    )  # fmt: skip
