"""Who may do what, written out a second time: a change of it must be made twice."""

from __future__ import annotations

__all__ = ["ALLOWED"]

ALLOWED = {
    "engineer": """lineage.receive gates.train gates.use gates.ingest login.open license.record
        pii.record retention.evaluate graph.mirror journal.rebuild question read.note metrics""",
    "producer": """lineage.receive gates.train gates.use gates.ingest license.record pii.record
        retention.evaluate metrics""",
    "planner": "deletion.request deletion.plan metrics",
    "privacy-officer": """login.open grant.give grant.end license.record
        license.conclude alias.decide alias.rule alias.end pii.record pii.review retention.assign
        retention.evaluate waiver.end hold.place hold.release deletion.request
        deletion.plan deletion.cancel journal.erase question read.note metrics""",
    "auditor": "login.open question read.note metrics",
    "approver": """login.open waiver.grant waiver.end hold.release deletion.approve question
        read.note metrics""",
    "executor": "login.open deletion.apply deletion.resume question read.note metrics",
    "admin": """person.add person.disable person.roles token.issue token.revoke login.open
        grant.end hold.place graph.mirror journal.erase journal.rebuild key.rotate question
        read.note metrics""",
}
