"""Keeping watch: deletions are looked at again, and what answers rest on is asked for its age.

Each look is a run on record, with what was seen, so that an auditor sees that somebody looked, and
``tracehold doctor`` that nobody did.
"""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage.clock import format_millis
from lineage.errors import NegativeVerdict
from orchestration.jobs import RETRIES, facet, looking, reported, scheduled, settings_here

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from privacy.deletion.case import Case
    from privacy.queries import Certificate

__all__ = [
    "broken", "certificates_job", "certificates_schedule", "evidence_job", "evidence_schedule",
    "unproven",
]  # fmt: skip


def broken(root: Path, cases: "Sequence[Case]") -> tuple[list[str], int, int]:
    """Cases of which something is there again, and how many files and bytes were read to know.

    One reading of the data root serves all cases; only where it finds something is each looked
    for alone.

    Args:
        root: The data root.
        cases: Cases that were verified once.
    """
    from privacy.deletion.read_back import read_back

    items = [item for case in cases if case.plan for item in case.plan.items]
    reading = read_back(root, items)
    found = [
        case.case
        for case in cases
        if reading.leftovers and case.plan and read_back(root, case.plan.items).leftovers
    ]
    return found, reading.files_read, reading.bytes_read


def unproven(issued: "Sequence[Certificate]", keys: "Collection[str]") -> list[str]:
    """Ids of certificates whose signature or content does not hold.

    Args:
        issued: Certificates.
        keys: Verifier keys of the workspace, of which one has signed; the present one first.
    """
    from privacy.deletion.certificate import verify_certificate

    found = []
    for one in issued:
        try:
            verify_certificate(one.note, *keys)
        except NegativeVerdict:
            found.append(one.certificate)
    return found


@dg.op(name="verify", retry_policy=RETRIES)
def _verify(context: dg.OpExecutionContext) -> None:
    from privacy.deletion.case import list_cases
    from privacy.queries import certificates
    from tracehold.evidence import keys_of

    settings = settings_here()
    with reported(context) as facets:
        storage = settings.storage
        with looking(settings) as services:
            cases = [one for one in list_cases(services.state) if "verified" in one.slots]
            issued = certificates(services.state)
            known_at = services.state.position()
        again, files, read = broken(storage.root, cases)
        bad = unproven(issued, keys_of(storage.data, storage.keys))
        facets["tracehold_certificates"] = facet(
            "CertificatesRunFacet",
            certificates=len(issued),
            cases=len(cases),
            filesRead=files,
            bytesRead=read,
            brokenCases=again,
            unprovenCertificates=bad,
            knownAt=known_at,
        )
        if again or bad:
            raise NegativeVerdict(
                f"{len(again)} deletions and {len(bad)} certificates do not hold any more",
                where=", ".join([*again, *bad][:5]),
                advice="tracehold retention verify CASE, or tracehold certificate verify ID",
            )
    context.add_output_metadata({"certificates": len(issued), "files_read": files})


@dg.job(
    name="certificates",
    description="Read the data root again for every deletion with a certificate.",
    executor_def=dg.in_process_executor,
)
def certificates_job() -> None:
    """What the weekly schedule runs; not partitioned, since one reading serves all."""
    _verify()


@dg.op(name="look", retry_policy=RETRIES)
def _look(context: dg.OpExecutionContext) -> None:
    from tracehold.freshness import old_evidence, turns

    settings = settings_here()
    with reported(context) as facets, looking(settings) as services:
        now = services.clock()
        old = old_evidence(services, now)
        jobs = turns(services.state, services.identity, settings.workspace.name, now)
        # This look itself is under way, so it is not late whatever came before.
        late = [one.job for one in jobs if one.late and one.job != "evidence.look"]
        facets["tracehold_freshness"] = facet(
            "FreshnessRunFacet",
            now=format_millis(now),
            knownAt=services.state.position(),
            late=late,
            items=[{k: v for k, v in one.as_dict().items() if v is not None} for one in old],
        )
    kinds = [one.kind for one in old]
    counts: dict[str, Any] = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    context.add_output_metadata({**counts, "late": ", ".join(late) or "nothing"})


@dg.job(
    name="evidence",
    description="Say what answers rest on that has grown old.",
    executor_def=dg.in_process_executor,
)
def evidence_job() -> None:
    """What the daily schedule runs."""
    _look()


def certificates_schedule() -> dg.ScheduleDefinition:
    """Every Sunday at 02:45 UTC."""
    return scheduled("certificates_weekly", certificates_job, "45 2 * * 0")


def evidence_schedule() -> dg.ScheduleDefinition:
    """Every day at 05:20 UTC."""
    return scheduled("evidence_daily", evidence_job, "20 5 * * *")
