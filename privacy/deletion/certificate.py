"""The deletion certificate: what was erased, how it was checked, what stays. One line, signed.

The text is canonical JSON on one line in a C2SP signed note, so that anybody with the public key
can check it offline, and nobody can change a byte. It never names a subject: contents appear as
keyed tokens, people as opaque ids, and a location that looks like personal data as a token.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from lineage.clock import format_millis
from lineage.errors import Fault, NegativeVerdict
from lineage.facts import Json
from lineage.identity import Identity
from lineage.journal.checkpoint import BadSignature, Signer, sign_note, verify_note
from privacy.deletion.case import Case
from privacy.deletion.plan import Item, Plan
from privacy.deletion.tombstones import content_token
from privacy.scan.gates import looks_personal

__all__ = [
    "FORMAT",
    "build_certificate",
    "certificate_id",
    "decisions_of",
    "sign_certificate",
    "verify_certificate",
]

FORMAT = "tracehold/deletion-certificate/1"


def certificate_id(identity: Identity, case: str, plan_hash: str) -> str:
    """The id of the one certificate that a case and plan can have."""
    return identity.token("certificate", f"{case}\0{plan_hash}".encode())[:16]


def build_certificate(case: Case, identity: Identity, *, origin: str) -> dict[str, Json]:
    """The fields of the certificate, from the recorded facts alone: the same facts, the same text.

    Args:
        case: A verified case.
        identity: For tokens.
        origin: Name of the journal whose facts are cited.

    Raises:
        Fault: The case is not verified.
    """
    plan, verified = case.plan, case.slots.get("verified")
    if plan is None or verified is None:
        raise Fault("a certificate was asked for before the verification", where=case.case)
    return {
        "format": FORMAT,
        "id": certificate_id(identity, case.case, case.plan_hash),
        "origin": origin,
        "case": case.case,
        "legal_ground": plan.legal_ground,
        "class": plan.retention_class,
        "targets": [_shown(identity, ref) for ref in plan.targets],
        "items": [_item(identity, item, case, number) for number, item in enumerate(plan.items)],
        "copies_found": len(plan.items),
        "out_of_reach": [
            {
                "ref": _shown(identity, one.ref),
                "location": _shown(identity, one.location),
                "why": one.why,
                "expiry": "not known",
            }
            for one in plan.out_of_reach
        ],
        "not_seen": list(plan.unseen),
        "method": "renamed into quarantine, unlinked, folder synced (fsync)",
        "plan_hash": case.plan_hash,
        "requester": case.requester,
        "approvals": _approvals(case),
        "executors": sorted(case.executors),
        "verified": {
            "at": format_millis(verified.time),
            "method": verified.value["method"],
            "files_read": verified.value["files_read"],
            "bytes_read": verified.value["bytes_read"],
            "leftovers": 0,
        },
        "derived": [
            {
                "ref": _shown(identity, one.ref),
                "decision": one.decision,
                "decided_by": one.decided_by,
                "reason": one.reason,
            }
            for one in plan.derived
        ],
        "facts": _facts(case),
        "as_of": format_millis(plan.created),
        "known_at": plan.known_at,
        "policy_digest": plan.policy_digest,
        "fold_version": plan.fold_version,
        "issued": format_millis(verified.time),
    }


def _item(identity: Identity, item: Item, case: Case, number: int) -> dict[str, Json]:
    return {
        "ref": _shown(identity, item.ref),
        "version": item.version,
        "location": _shown(identity, item.path),
        "content_token": content_token(identity, item.sha256),
        "bytes": item.bytes,
        "found_by": item.found_by,
        "quarantined": format_millis(case.quarantined[number]),
        "purged": format_millis(case.purged[number]),
    }


def _approvals(case: Case) -> list[dict[str, Json]]:
    # An approver who took another duty of the case later on does not count, nor was counted.
    apart = {case.requester, case.planner, *case.executors}
    return [
        {"approver": a.actor, "at": format_millis(a.at), "plan_hash": a.plan_hash}
        for a in case.approvals
        if a.plan_hash == case.plan_hash and a.actor not in apart
    ]


def _facts(case: Case) -> list[dict[str, Json]]:
    left_out = {"certified", "blocked"}
    cited = sorted(
        (value.position, slot, value.fact_id)
        for slot, value in case.slots.items()
        if slot not in left_out
    )
    return [{"step": slot, "fact": fact, "position": at} for at, slot, fact in cited]


def _shown(identity: Identity, text: str) -> str:
    """The text itself, or a token where it could hold personal data (``export/jane@…csv``)."""
    if not looks_personal(text):
        return text
    return f"token:{identity.token('location', text.encode(errors='surrogateescape'))[:16]}"


def sign_certificate(signer: Signer, fields: dict[str, Json]) -> str:
    """The certificate as a signed note: canonical JSON on one line, a blank line, signatures."""
    return sign_note(signer, msgspec.json.encode(fields, order="deterministic").decode() + "\n")


def verify_certificate(text: str, vkey: str, *former: str) -> dict[str, Json]:
    """The fields of a certificate, once its signature and its inner rules were found good.

    Needs no server, no workspace and no network.

    Args:
        text: The signed note.
        vkey: The verifier key, ``NAME+ID+KEY``.
        former: Keys that are known to be chained to it, of which one may have signed.

    Raises:
        NegativeVerdict: It was changed, is signed by another key, or contradicts itself.
        InvalidInput: ``vkey`` is not a verifier key.
    """
    for key in former:
        with suppress(BadSignature):
            verify_note(text, key)
            vkey = key
            break
    body = verify_note(text, vkey)
    bad = NegativeVerdict(
        "this is signed, but it is not a deletion certificate that holds",
        advice="ask who gave it to you for the certificate of the case",
    )
    try:
        fields = json.loads(body)
    except ValueError:
        raise bad from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise bad
    problems = _contradictions(fields)
    if problems:
        raise NegativeVerdict(problems[0], where=str(fields.get("id", "")))
    return fields


def _contradictions(fields: dict[str, Json]) -> Sequence[str]:
    """What a certificate must never say, whoever signed it."""
    found = []
    approvals = fields.get("approvals", [])
    approvers = {one["approver"] for one in approvals}
    if len(approvers) < 2:
        found.append("fewer than two people approved")
    if approvers & {fields.get("requester"), *fields.get("executors", [])}:
        found.append("an approver also requested or carried out the deletion")
    if any(one["plan_hash"] != fields.get("plan_hash") for one in approvals):
        found.append("an approval is of another plan")
    if fields.get("verified", {}).get("leftovers") != 0:
        found.append("something was left")
    if any(one.get("decision") in {"", "undecided", None} for one in fields.get("derived", [])):
        found.append("something derived has no decision")
    return found


def decisions_of(plan: Plan) -> list[dict[str, str]]:
    """Reference and decision of everything derived, for the fact that issues the certificate."""
    return [{"ref": one.ref, "decision": one.decision} for one in plan.derived]
