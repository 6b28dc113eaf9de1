"""Requests made from the API's own description, by the schema and against it: no 5xx, no hang.

schemathesis reads ``/openapi.json`` as a stranger would and derives the cases; every answer must
have the status, the type and the form that the description promises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from campaign import record
from hostile import Hostile, event, named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rounds import rounds
from running_server import make_workspace, run, serving
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = [pytest.mark.slow, pytest.mark.campaign]

CASES = rounds(usual=2_000, campaign=50_000)
SECONDS = 5.0
"""Longer is a hang."""
LONG = ("journal.rebuild", "key.rotate", "graph.mirror")
"""Acts that set something long going for whoever asks rightly: they are only asked wrongly."""
PEOPLE = {
    "olga": "privacy-officer", "anna": "approver", "emil": "executor", "etl": "producer",
    "audit": "auditor",
}  # fmt: skip
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance,
]  # fmt: skip


class Target:
    """A server with somebody of every role, and the cases that its description makes."""

    def __init__(self, hostile: Hostile, tokens: list[str]) -> None:
        self.hostile = hostile
        self.tokens = tokens
        self.session = requests.Session()
        self.cases = self.failed = 0
        schema = schemathesis.openapi.from_dict(hostile.client.json("/openapi.json"))
        self.operations = {one.ok().label: one.ok() for one in schema.get_all_operations()}

    def cases_of(self, label: str) -> st.SearchStrategy[Any]:
        """Cases of an operation; what is wrong on purpose as often as what is right."""
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        operation = self.operations[label]
        if label.endswith(LONG):
            modes.remove(GenerationMode.POSITIVE)
        return st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    def ask_all(self, label: str, most: int) -> int:
        """Send cases of an operation; returns how many there were, at most so many."""
        before = self.cases

        @settings(
            max_examples=most, deadline=None, database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )  # fmt: skip
        @given(self.cases_of(label), st.sampled_from(self.tokens))
        def ask(case: Any, token: str) -> None:
            self.ask(case, token)

        ask()
        return self.cases - before

    def ask(self, case: Any, token: str) -> None:
        """Send one case and check the answer."""
        self.cases += 1
        try:
            answer = case.call(
                base_url=self.hostile.server.url,
                session=self.session,
                headers={"Authorization": f"Bearer {token}"},
                timeout=SECONDS,
                allow_redirects=False,
            )
            case.validate_response(answer, checks=CHECKS)
        except BaseException:
            self.failed += 1
            raise


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = make_workspace(tmp_path_factory.mktemp("described") / "shop")
    with serving(folder) as server:
        hostile = Hostile(server)
        hostile.take(event(inputs=named("in"), outputs=named("out")))
        tokens = [server.token]
        for name, role in PEOPLE.items():
            words = ("user", "add", name, "--role", role, "--show-token", "--json")
            tokens.append(json.loads(run(*words, workspace=folder).stdout)["token"])
        made = Target(hostile, tokens)
        yield made
        made.session.close()
        hostile.close()
        after = Hostile(server)
        assert 'status="5xx"' not in after.client.get("/metrics")[1].decode()
        assert after.settled()["status"] == "ok"
        after.close()


def test_every_case_that_the_description_makes_is_answered_as_it_promises(target: Target) -> None:
    rich = list(target.operations)
    try:
        while target.cases < CASES and rich:
            # An operation that takes nothing has one case; the others make up for it.
            most = -(-(CASES - target.cases) // len(rich))
            rich = [label for label in rich if target.ask_all(label, most) == most]
    finally:
        record(
            "Requests made from the API's description (schemathesis)",
            tried=target.cases, failed=target.failed, unit="cases",
            note=f"{len(target.operations)} operations",
        )  # fmt: skip
    assert target.cases >= CASES
