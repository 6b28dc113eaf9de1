"""An estate of which a part is hidden from an engineer: by namespace, and by what was found in it.

Everything hidden has the word ``zanzibar`` in its name, and nothing else has, so that an answer
which tells of it can be told by that word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openlineage_events import dataset, facet, run_event
from tracehold_world import Api, services_of, workspace

from lineage.facts import Json
from tracehold.acts import perform
from tracehold.settings import AccessSettings

__all__ = ["SECRET", "Estate", "estate"]

SECRET = "zanzibar"
CLOSED = f"hr-{SECRET}"
OPEN = AccessSettings(open=("shop", "file"))


@dataclass
class Estate:
    """The estate, who asks it, and the tokens of both.

    Attributes:
        api: The application on it.
        engineer: Token of somebody limited.
        auditor: Token of somebody who sees all.
        officer: Token of who gives grants.
    """

    api: Api
    engineer: str
    auditor: str
    officer: str

    def ask(self, token: str, path: str) -> Any:
        """The JSON answer of a question that is allowed."""
        answer = self.api.send("GET", f"/api/v1/{path}", token=token)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def do(self, token: str, act: str, /, **body: Json) -> Any:
        """Perform an act."""
        person = self.api.services.people.by_token(token)
        return perform(self.api.services, person, act, body)


@contextmanager
def estate(folder: Path, *, hidden: bool = True) -> Iterator[Estate]:
    """A workspace with the estate; without the hidden part where ``hidden`` is false."""
    settings = replace(workspace(folder, samples={}), access=OPEN)
    with services_of(settings) as services:
        api = Api(services, settings)
        made = Estate(
            api,
            engineer=api.hire("erin", "engineer"),
            auditor=api.hire("aude", "auditor"),
            officer=api.hire("olga", "privacy-officer"),
        )
        for event in _events(hidden):
            sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
            assert sent.status_code == 201, sent.text
        services.catch_up()
        _judge(made, hidden)
        yield made


def _table(name: str, *, namespace: str, **more: Any) -> dict[str, Any]:
    return {**dataset(name, **more), "namespace": namespace}


def _run(minute: int, *, job: str, namespace: str, **more: Any) -> dict[str, Any]:
    event = run_event("COMPLETE", minute, job=job, run=f"run-{minute}", **more)
    event["job"]["namespace"] = namespace
    return event


def _events(hidden: bool) -> list[dict[str, Any]]:
    mine = [_table("orders", namespace="shop", columns=["id", "mail"])]
    theirs = [
        _table(f"salaries_{SECRET}", namespace=CLOSED, columns=[f"pay_{SECRET}"]),
        _table(f"patients_{SECRET}", namespace="shop", columns=[f"ill_{SECRET}", "id"]),
    ]
    owner = facet("OwnershipDatasetFacet", owners=[{"name": f"team {SECRET}"}])
    source = _table(f"raw_{SECRET}", namespace=CLOSED, ownership=owner)
    joined = _table("joined", namespace="shop", columns=["id", "mail"])
    last = _table("report", namespace="shop", columns=["id"])
    alias = facet(
        "SymlinksDatasetFacet",
        identifiers=[{"namespace": CLOSED, "name": f"alias_{SECRET}", "type": "TABLE"}],
    )
    named = _table("orders", namespace="shop", columns=["id", "mail"], symlinks=alias)
    visible = [
        _run(1, job="load", namespace="shop", inputs=[], outputs=mine),
        _run(2, job="join", namespace="shop", inputs=mine, outputs=[joined]),
        _run(3, job="publish", namespace="shop", inputs=[joined], outputs=[last]),
    ]
    if not hidden:
        return visible
    parent = facet(
        "ParentRunFacet",
        run={"runId": "00000000-0000-4000-8000-00000000aaaa"},
        job={"namespace": CLOSED, "name": f"nightly_{SECRET}"},
    )
    with_parent = _run(2, job="join", namespace="shop", inputs=[named, *theirs], outputs=[joined])
    with_parent["run"]["facets"]["parent"] = parent
    return [
        *visible,
        _run(
            4, job=f"pay_{SECRET}", namespace=CLOSED, inputs=[source],
            outputs=[theirs[0]],
        ),
        _run(
            5, job="admit", namespace="shop", inputs=[source], outputs=[theirs[1]]
        ),
        with_parent,
    ]  # fmt: skip


def _judge(made: Estate, hidden: bool) -> None:
    scan: Mapping[str, Json] = {"engine": "test", "config_digest": "c", "rows": 10}
    mail = {"entity": "EMAIL_ADDRESS", "tier": "confirmed"}
    made.do(
        made.officer, "pii.record", dataset="dataset:[shop]orders", columns={"mail": mail}, **scan
    )
    made.do(made.officer, "license.record", ref="dataset:[shop]report")
    made.do(made.officer, "hold.place", scope=["dataset:[shop]report"], matter="m1", reason="asked")
    if not hidden:
        return
    patients, salaries = f"dataset:[shop]patients_{SECRET}", f"dataset:[{CLOSED}]salaries_{SECRET}"
    ill = {"entity": "MEDICAL_CONDITION", "tier": "candidate"}
    made.do(made.officer, "pii.record", dataset=patients, columns={f"ill_{SECRET}": ill}, **scan)
    pay = {"entity": "IBAN_CODE", "tier": "confirmed"}
    made.do(made.officer, "pii.record", dataset=salaries, columns={f"pay_{SECRET}": pay}, **scan)
    made.do(made.officer, "license.record", ref=patients)
    made.do(made.officer, "license.record", ref="dataset:[shop]report")
    made.do(
        made.officer, "license.conclude", dataset=salaries, expression="CC-BY-NC-4.0",
        reason="read", attribution=f"the people of {SECRET}",
    )  # fmt: skip
    made.do(
        made.officer, "hold.place", scope=[patients, "dataset:[shop]joined"], matter="m2",
        reason="asked",
    )  # fmt: skip
    made.do(made.officer, "hold.place", scope=[salaries], matter=f"m {SECRET}", reason="asked")
    made.do(
        made.officer, "deletion.request", targets=[patients], legal_ground="art-17",
        reason=f"of {SECRET}", case="D-1",
    )  # fmt: skip
