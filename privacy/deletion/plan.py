"""The plan of a deletion: plain data with one hash, to which approvals bind."""

from __future__ import annotations

import hashlib

import msgspec

from lineage.facts import Json

__all__ = [
    "DECISIONS", "PLAN_LIFETIME_MS", "UNDECIDED", "UNSEEN", "Derived", "Item", "Obstacle",
    "OutOfReach", "Plan", "plan_hash", "read_plan",
]  # fmt: skip

PLAN_LIFETIME_MS = 72 * 3_600_000
"""A plan, and every approval of it, holds for 72 hours."""

DECISIONS: dict[str, tuple[str, ...]] = {
    "dataset": ("erase", "keep", "keep-deidentified"),
    "model": ("erase", "retrain", "retire", "keep"),
}
"""What may be decided for what was derived. ``keep`` needs a reason."""

UNDECIDED = "undecided"
"""No default applies and nobody decided: such a plan cannot be approved (REQ-65)."""

UNSEEN: tuple[str, ...] = (
    "backups and file-system snapshots: re-erase on restore with the tombstones",
    "exports, downloads, e-mail attachments and notebook output outside the data root",
    "copies on other hosts that no lineage event has reported",
    "open file handles and memory of running processes",
    "the storage medium: an SSD or a journaling file system can keep blocks after an unlink",
    "changed or partial copies under other names: only whole copies are recognized by content",
)
"""What lineage cannot see, said in words in every plan and certificate."""


class Item(msgspec.Struct, frozen=True):
    """One file to erase.

    Attributes:
        ref: The dataset or model that it holds.
        version: Version of it, where known.
        path: Relative to the data root, with ``/``.
        sha256: Content at plan time; leaves the plan only as a keyed token.
        bytes: Size.
        device: Device number at plan time.
        inode: Inode at plan time.
        found_by: ``lineage`` or ``content`` (the same bytes under another name).
    """

    ref: str
    version: str
    path: str
    sha256: str
    bytes: int
    device: int
    inode: int
    found_by: str = "lineage"


class Derived(msgspec.Struct, frozen=True):
    """Something made from a target, and what becomes of it.

    Attributes:
        ref: Dataset or model.
        via: What it was made from.
        decision: One of ``DECISIONS``, or ``undecided``.
        decided_by: ``requester``, ``policy``, or empty.
        reason: Why; needed for ``keep``.
    """

    ref: str
    via: str
    decision: str
    decided_by: str = ""
    reason: str = ""


class OutOfReach(msgspec.Struct, frozen=True):
    """A copy that is known and will not be erased by this plan, with the cause."""

    ref: str
    location: str
    why: str


class Obstacle(msgspec.Struct, frozen=True):
    """A file that should be erased and cannot be: the plan cannot be approved while it is there."""

    ref: str
    path: str
    why: str


class Plan(msgspec.Struct, frozen=True):
    """Everything that a deletion will do and leave.

    Attributes:
        case: The case.
        targets: What was asked for, as references.
        aliases: Other names of the targets and of derived things to erase.
        legal_ground: From the request.
        retention_class: Class of the targets, where they have one.
        items: Files to erase.
        derived: Everything made from the targets, each with a decision.
        out_of_reach: Known copies that stay.
        obstacles: What must be cleared first.
        unseen: What lineage cannot see, in words.
        quarantine_days: Days between quarantine and purge.
        created: Epoch milliseconds; also the moment of the lineage view (as_of).
        expires: Epoch milliseconds.
        known_at: Journal position that the plan rests on.
        policy_digest: Digest of the policy in force.
        fold_version: Version of the fold.
    """

    case: str
    targets: tuple[str, ...]
    aliases: tuple[str, ...]
    legal_ground: str
    retention_class: str
    items: tuple[Item, ...]
    derived: tuple[Derived, ...]
    out_of_reach: tuple[OutOfReach, ...]
    obstacles: tuple[Obstacle, ...]
    unseen: tuple[str, ...]
    quarantine_days: int
    created: int
    expires: int
    known_at: int
    policy_digest: str
    fold_version: str

    @property
    def erased(self) -> tuple[str, ...]:
        """References of everything to erase: targets, their aliases, derived to erase."""
        derived = (one.ref for one in self.derived if one.decision == "erase")
        return tuple(sorted({*self.targets, *self.aliases, *derived}))

    @property
    def undecided(self) -> tuple[str, ...]:
        """References of derived things that nobody decided on."""
        return tuple(one.ref for one in self.derived if one.decision == UNDECIDED)

    def as_dict(self) -> dict[str, Json]:
        """The plan as JSON."""
        plain: dict[str, Json] = msgspec.to_builtins(self)
        return plain

    def material(self) -> dict[str, Json]:
        """What must not have changed before the first step: files, names and lineage."""
        kept = ("targets", "aliases", "items", "derived", "obstacles")
        return {name: value for name, value in self.as_dict().items() if name in kept}


def plan_hash(plan: Plan) -> str:
    """SHA-256 of the canonical plan (JSON, members sorted, no spaces), hexadecimal."""
    return hashlib.sha256(msgspec.json.encode(plan, order="deterministic")).hexdigest()


def read_plan(value: Json) -> Plan:
    """The plan from its JSON value.

    Raises:
        msgspec.ValidationError: It is not a plan.
    """
    return msgspec.convert(value, Plan)
