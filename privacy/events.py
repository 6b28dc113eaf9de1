"""The facts that privacy owns. Bodies hold references, types, counts and paths; never a value.

Datasets, columns and models are named by their text reference (``lineage.refs``). Who acted is the
actor of the envelope and is never repeated in a body.
"""

from __future__ import annotations

import msgspec

from lineage.facts import Json

__all__ = [
    "CaseBlocked",
    "CaseCancelled",
    "CertificateIssued",
    "DatasetPurged",
    "DeletionApproved",
    "DeletionPlanned",
    "DeletionRequested",
    "DeletionVerified",
    "FilesRead",
    "FindingReviewed",
    "HoldPlaced",
    "HoldReleaseAgreed",
    "HoldReleased",
    "IncidentRaised",
    "ItemPurged",
    "ItemQuarantined",
    "ItemRestored",
    "PersonalDataRead",
    "RetentionAssigned",
    "ScanCompleted",
    "TombstoneLaid",
    "kind_of",
]


class ScanCompleted(msgspec.Struct, frozen=True, tag_field="kind", tag="scan.completed/1"):
    """A dataset was scanned; recorded with no finding too, for absence is evidence.

    Attributes:
        dataset: Reference of the dataset.
        version: The version scanned, or empty.
        engine: Detector and version.
        config_digest: Digest of settings, rules and engine.
        rows: Rows of the dataset.
        columns: Per column the finding that ranks first, and under ``also`` the others.
    """

    dataset: str
    engine: str
    config_digest: str
    rows: int
    columns: dict[str, Json]
    version: str = ""


class PersonalDataRead(msgspec.Struct, frozen=True, tag_field="kind", tag="access.read/1"):
    """Somebody was told where personal data is.

    Attributes:
        question: What was asked, by name; ``page /pii`` and so on for a page.
        ref: What it was asked about, as it was written; empty for everything.
        until: Epoch milliseconds; the same, asked again by the same person before, is not
            recorded again.
    """

    question: str
    ref: str
    until: int


class FilesRead(msgspec.Struct, frozen=True, tag_field="kind", tag="access.files-read/1"):
    """Somebody who reads the workspace's own files was told where personal data is.

    Attributes:
        question: What was asked, by name.
        ref: What it was asked about, as it was written; empty for everything.
        until: As of ``PersonalDataRead``.
        user: The account in the operating system under which the command ran.
    """

    question: str
    ref: str
    until: int
    user: str


class FindingReviewed(msgspec.Struct, frozen=True, tag_field="kind", tag="finding.reviewed/1"):
    """A person accepted or rejected a finding; it survives every later scan."""

    dataset: str
    column: str
    entity: str
    accepted: bool
    reason: str


class RetentionAssigned(msgspec.Struct, frozen=True, tag_field="kind", tag="retention.assigned/1"):
    """A dataset was given a retention class by decision; it beats manifest and facet.

    Attributes:
        dataset: Reference of the dataset.
        retention_class: Name of the class.
        clock_start: ISO date from which the period runs, or empty.
        reason: Why.
    """

    dataset: str
    retention_class: str
    reason: str
    clock_start: str = ""


class HoldPlaced(msgspec.Struct, frozen=True, tag_field="kind", tag="hold.placed/1"):
    """Nothing in scope, nor what was made from it, may be deleted until the hold is released."""

    hold: str
    matter: str
    reason: str
    scope: list[str]


class HoldReleaseAgreed(msgspec.Struct, frozen=True, tag_field="kind", tag="hold.release-agreed/1"):
    """One person agrees to release a hold; two are needed."""

    hold: str
    reason: str


class HoldReleased(msgspec.Struct, frozen=True, tag_field="kind", tag="hold.released/1"):
    """The second of two persons agreed: the hold no longer stands. ``facts`` cites both."""

    hold: str
    facts: list[str]


class DeletionRequested(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.requested/1"):
    """A deletion case was opened.

    Attributes:
        case: Opaque id of the case; never a name of a person.
        targets: References of datasets and models to delete.
        legal_ground: For example ``GDPR Art. 17(1)(b)`` or ``retention``.
        reason: Why, in words.
        quarantine_days: Days between quarantine and purge; 0 for unlawful data.
    """

    case: str
    targets: list[str]
    legal_ground: str
    reason: str
    quarantine_days: int = 7


class DeletionPlanned(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.planned/1"):
    """A plan was drawn up; approvals bind to its hash."""

    case: str
    plan_hash: str
    expires: int
    plan: Json


class DeletionApproved(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.approved/1"):
    """One approver agrees to exactly this plan, until ``expires``."""

    case: str
    plan_hash: str
    expires: int


class ItemQuarantined(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.quarantined/1"):
    """One file was moved out of reach, on the same file system."""

    case: str
    plan_hash: str
    item: int


class ItemPurged(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.purged/1"):
    """One quarantined file was unlinked and its folder synced."""

    case: str
    plan_hash: str
    item: int


class ItemRestored(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.restored/1"):
    """One quarantined file of a cancelled case went back to its place."""

    case: str
    plan_hash: str
    item: int


class DeletionVerified(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.verified/1"):
    """The independent second reading found nothing left.

    Attributes:
        case: The case.
        plan_hash: The plan that was carried out.
        method: How it was read.
        files_read: Files looked at.
        bytes_read: Bytes hashed.
    """

    case: str
    plan_hash: str
    method: str
    files_read: int
    bytes_read: int


class CertificateIssued(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.certified/1"):
    """The one certificate of a case, as a signed note."""

    case: str
    certificate: str
    note: str
    derived: list[dict[str, str]]


class CaseBlocked(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.blocked/1"):
    """A step was refused: a hold, a stale plan, a leftover. The case can go on once it is gone."""

    case: str
    cause: str
    detail: str


class CaseCancelled(msgspec.Struct, frozen=True, tag_field="kind", tag="deletion.cancelled/1"):
    """The case ends without a deletion; quarantined files go back."""

    case: str
    reason: str


class DatasetPurged(msgspec.Struct, frozen=True, tag_field="kind", tag="dataset.purged/1"):
    """Every known copy of a dataset is gone; its content ends here."""

    ref: str
    case: str


class TombstoneLaid(msgspec.Struct, frozen=True, tag_field="kind", tag="tombstone.laid/1"):
    """Content that must not come back, as a keyed token; kept for ever."""

    token: str
    case: str


class IncidentRaised(msgspec.Struct, frozen=True, tag_field="kind", tag="incident.raised/1"):
    """Something happened that must not: deleted content came back."""

    incident: str
    cause: str
    ref: str
    case: str
    detail: str


def kind_of(body: msgspec.Struct) -> str:
    """Kind and version of a body, as the envelope stores it."""
    return str(body.__struct_config__.tag)
