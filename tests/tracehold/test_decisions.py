"""Decisions on record: a backdated fact changes none; it makes stale what it would have changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import START, Api, Clockwork, complete, services_of, workspace
from typer.testing import CliRunner

from catalog.events import VerdictRecorded, kind_of
from catalog.facets import license_facet
from lineage.clock import format_millis
from lineage.errors import InvalidInput
from lineage.graph.port import OPEN, Limits
from privacy.facets import retention_facet
from tracehold.acts import perform
from tracehold.cli.app import app
from tracehold.decisions import decisions
from tracehold.questions import answer
from tracehold.ui.asked import Asked
from tracehold.ui.entities import dataset
from tracehold.watching import CHECKED, Watch

DAY = 86_400_000
DATA = "dataset:[shop]clean_1"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        yield Api(services, settings)


def send(
    api: Api, *, number: int = 1, job: str = "load", at: int, inputs: dict[str, str | None]
) -> None:
    """An event at a moment; inputs by name, with the license that each declares."""
    event = complete(job, number=number)
    event["eventTime"] = format_millis(at)
    event["run"]["runId"] = f"00000000-0000-4000-8000-{number:04d}{at % 10**8:08d}"
    event["outputs"] = [{"namespace": "shop", "name": "clean_1"}]
    event["inputs"] = [
        {
            "namespace": "shop",
            "name": name,
            "facets": {"tracehold_license": license_facet(said)} if said else {},
        }
        for name, said in inputs.items()
    ]
    answered = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    assert answered.status_code == 201
    api.services.catch_up()


def decide(api: Api) -> dict[str, Any]:
    admin = api.services.people.by_token(api.token())
    made: dict[str, Any] = perform(api.services, admin, "license.record", {"ref": DATA})
    return made


def ask(api: Api, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer(api.services, "decisions", params)
    return found


def watch(api: Api) -> Watch:
    """A watch that has seen everything so far."""
    made = Watch(api.services)
    made.look()
    return made


def at_first(api: Api) -> dict[str, Any]:
    send(api, at=START - DAY, inputs={"raw": "MIT"})
    return decide(api)


def test_a_decision_says_what_it_rests_on_and_what_was_known(api: Api) -> None:
    made = at_first(api)
    assert made["verdict"] == "allowed"
    assert made["basis"] == ["dataset:[shop]raw: MIT (declared)"]
    [decision] = decisions(api.services.state)
    assert (decision.question, decision.outcome) == ("license", "allowed")
    assert decision.known_at == made["known_at"]
    assert decision.policy_digest == api.services.policy().digest
    assert decision.fold_version == api.services.registry.version
    assert decision.fact == made["fact"]


def test_a_backdated_fact_makes_a_decision_stale_and_changes_it_not(api: Api) -> None:
    at_first(api)
    guard = watch(api)
    assert ask(api)["stale"] == 0
    send(api, number=2, at=START - DAY // 2, inputs={"bought": "CC-BY-NC-4.0"})
    assert guard.look() == 1
    [item] = ask(api)["items"]
    assert (item["state"], item["outcome"]) == ("stale", "allowed")
    assert "no longer: verdict allowed" in item["why"]
    assert "now: rests on dataset:[shop]bought: CC-BY-NC-4.0 (declared)" in item["why"]
    assert ask(api, check=True)["items"] == [item]


def test_the_same_finding_is_recorded_once(api: Api) -> None:
    at_first(api)
    guard = watch(api)
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    assert guard.look() == 1
    size = api.services.journal.head().size
    send(api, number=3, at=START - DAY // 3, inputs={"bought": None})
    assert guard.look() == 0
    assert api.services.journal.head().size == size + 1


def test_what_is_true_from_later_on_makes_nothing_stale(api: Api) -> None:
    at_first(api)
    guard = watch(api)
    send(api, number=2, at=START + DAY, inputs={"bought": "CC-BY-NC-4.0"})
    assert guard.look() == 0
    assert ask(api, check=True)["stale"] == 0


def test_a_late_fact_that_says_the_same_makes_nothing_stale(api: Api) -> None:
    at_first(api)
    guard = watch(api)
    send(api, number=2, at=START - 2 * DAY, inputs={"raw": "MIT"})
    assert guard.look() == 0
    assert ask(api, check=True)["stale"] == 0


def test_a_late_fact_elsewhere_is_not_even_looked_at(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_first(api)
    guard = watch(api)
    event = complete("other", number=9)
    event["eventTime"] = format_millis(START - DAY)
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).status_code == 201
    api.services.catch_up()
    looked: list[str] = []
    monkeypatch.setattr("tracehold.watching.Reviewer.review", lambda _, one: looked.append(one.ref))
    assert guard.look() == 0
    assert looked == []


def test_another_license_makes_stale_also_where_the_verdict_stays(api: Api) -> None:
    at_first(api)
    guard = watch(api)
    send(api, number=2, at=START - DAY // 2, inputs={"raw": "Apache-2.0"})
    assert guard.look() == 1
    [item] = ask(api)["items"]
    assert "no longer: rests on dataset:[shop]raw: MIT (declared)" in item["why"]
    assert not any(line.endswith("verdict allowed") for line in item["why"])


def test_a_new_decision_takes_the_place_of_a_stale_one(api: Api) -> None:
    at_first(api)
    guard = watch(api)
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    guard.look()
    assert decide(api)["verdict"] == "unknown"
    [item] = ask(api)["items"]
    assert (item["state"], item["outcome"]) == ("current", "unknown")


def test_other_manifests_alone_make_nothing_stale(api: Api) -> None:
    at_first(api)
    manifests = api.settings.manifests
    manifests.mkdir(exist_ok=True)
    for old in manifests.rglob("*.yaml"):
        old.unlink()
    assert ask(api, check=True)["stale"] == 0
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    assert ask(api, check=True)["stale"] == 1


def test_a_trace_and_the_pages_show_it(api: Api) -> None:
    at_first(api)
    guard = watch(api)
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    guard.look()
    found = answer(api.services, "trace", {"ref": DATA, "as_of": format_millis(START + DAY)})
    assert found["nodes"][0]["annotations"]["stale_decisions"] == ["license"]
    asked = Asked(api.services, {"key": found["nodes"][0]["key"]}, {})
    [shown] = dataset(asked)["verdicts"]
    assert shown["mark"]["text"] == "decision stale: license"
    assert "now unknown no-license at dataset:[shop]bought" in shown["text"]


def test_a_gate_is_looked_at_again_too(api: Api) -> None:
    at_first(api)
    body = {"model": "churn", "version": "1", "training_set": "clean_1"}
    said = api.send("POST", "/api/v1/gates/train", token=api.token(), json=body).json()
    assert said["allowed"]
    assert {"as_of", "known_at", "policy_digest", "fold_version", "basis"} <= said.keys()
    guard = watch(api)
    send(api, number=2, at=START - DAY // 2, inputs={"bought": "CC-BY-NC-4.0"})
    assert guard.look() == 2
    stale = {item["question"] for item in ask(api)["items"] if item["state"] == "stale"}
    assert stale == {"license", "train model:churn@1"}


@pytest.mark.parametrize("other_policy", [False, True])
def test_a_retention_decision_is_stale_where_a_class_was_declared_before(
    api: Api, other_policy: bool
) -> None:
    send(api, at=START - DAY, inputs={"raw": None})
    admin = api.services.people.by_token(api.token())
    perform(api.services, admin, "retention.evaluate", {})
    assert {one.question for one in decisions(api.services.state)} == {"retention"}
    guard = watch(api)
    if other_policy:
        extra = api.settings.manifests / "datasets" / "more.yaml"
        extra.parent.mkdir(parents=True, exist_ok=True)
        extra.write_text("name: more\nowner: team\n")
    assert ask(api, check=True)["stale"] == 0
    event = complete("declare", number=4)
    event["eventTime"] = format_millis(START - DAY // 2)
    event["inputs"] = []
    event["outputs"] = [
        {
            "namespace": "shop",
            "name": "raw",
            "facets": {"tracehold_retention": retention_facet("unheard-of")},
        }
    ]
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).status_code == 201
    api.services.catch_up()
    # What was made from it inherits the class.
    assert guard.look() == 2
    stale = {item["ref"]: item["why"] for item in ask(api)["items"] if item["state"] == "stale"}
    assert stale.keys() == {"dataset:[shop]raw", DATA}
    assert "now: classes unheard-of" in stale[DATA]


def test_a_retention_decision_is_not_stale_for_what_is_read_later(api: Api) -> None:
    send(api, at=START - DAY, inputs={"raw": None})
    admin = api.services.people.by_token(api.token())
    perform(api.services, admin, "retention.evaluate", {})
    guard = watch(api)
    send(api, number=2, at=START + DAY, inputs={"raw": None})
    assert guard.look() == 0
    assert ask(api, check=True)["stale"] == 0


def test_decisions_of_one_thing_can_be_asked_for(api: Api) -> None:
    at_first(api)
    assert ask(api, ref="clean_1")["count"] == 1
    assert ask(api, ref="raw")["count"] == 0
    with pytest.raises(InvalidInput):
        ask(api, limit=0)


def test_a_watch_looks_at_everything_where_what_came_late_reaches_too_far(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_first(api)
    guard = watch(api)
    monkeypatch.setattr("tracehold.watching._LIMITS", Limits(nodes=1))
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    assert guard.look() == 1


def test_a_decision_that_cannot_be_made_again_is_left_alone(api: Api) -> None:
    judgement = {**at_first(api), "use": "sell", "policy_digest": "of another time"}
    fact = VerdictRecorded(DATA, "license", judgement)
    api.services.record("somebody", kind_of(fact), fact)
    guard = watch(api)
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    assert guard.look() == 0
    assert ask(api)["stale"] == 0
    [item] = ask(api, check=True)["items"]
    assert (item["state"], item["why"]) == (
        "unknown",
        ["it cannot be made again: there is no use 'sell'"],
    )


def test_the_answer_of_the_ingest_gate_says_what_it_was_made_with(api: Api) -> None:
    body = {"dataset": "new", "sha256": "0" * 64}
    said = api.send("POST", "/api/v1/gates/ingest", token=api.token(), json=body).json()
    assert {"as_of", "known_at", "policy_digest", "fold_version"} <= said.keys()


def test_a_plan_of_deletion_is_stale_where_a_copy_comes_to_light(api: Api) -> None:
    send(api, at=START - DAY, inputs={"raw": "MIT"})
    officer = api.services.people.by_token(api.hire("officer", "privacy-officer"))
    request = {
        "targets": ["dataset:[shop]raw"],
        "legal_ground": "GDPR Art. 17",
        "reason": "asked",
        "case": "C-1",
    }
    perform(api.services, officer, "deletion.request", request)
    choice = {DATA: {"decision": "keep", "reason": "aggregated"}}
    perform(api.services, officer, "deletion.plan", {"case": "C-1", "choices": choice})
    guard = watch(api)
    assert ask(api, check=True)["stale"] == 0
    copy = complete("copy", number=7)
    copy["eventTime"] = format_millis(START - DAY // 2)
    copy["inputs"] = [{"namespace": "shop", "name": "raw"}]
    copy["outputs"] = [{"namespace": "shop", "name": "forgotten"}]
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=copy).status_code == 201
    api.services.catch_up()
    assert guard.look() == 1
    [item] = ask(api)["items"]
    assert item["question"] == "deletion C-1"
    assert item["why"] == ["now: reaches dataset:[shop]forgotten"]


def test_the_watch_waits_until_it_is_quiet_and_no_longer_than_it_must(api: Api) -> None:
    at_first(api)
    now = [0.0]
    guard = Watch(api.services, monotonic=lambda: now[0])
    guard.look()
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    assert guard.step() == 0
    now[0] += 1.5
    send(api, number=3, at=START - DAY // 3, inputs={"bought": None})
    assert guard.step() == 0
    now[0] += 2.5
    assert guard.step() == 1


def test_what_came_before_the_watch_knew_of_a_decision_is_looked_at_too(api: Api) -> None:
    now = [0.0]
    guard = Watch(api.services, monotonic=lambda: now[0])
    guard.look()
    at_first(api)
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    assert guard.step() == 0
    now[0] += 2.5
    assert guard.step() == 1


def test_a_watch_goes_on_where_the_last_one_left(api: Api) -> None:
    at_first(api)
    stopped = threading.Event()
    stopped.set()
    Watch(api.services).run(stopped)
    path = api.settings.storage.data / CHECKED
    assert not path.exists()
    guard = watch(api)
    guard.leave()
    assert int(path.read_text()) == api.services.state.position()
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    assert Watch(api.services).look() == 1


def test_the_command_line_lists_decisions_and_ends_with_1_where_one_is_stale(
    tmp_path: Path,
) -> None:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        api = Api(services, settings)
        at_first(api)
    run = CliRunner()
    words = ["check", "--decisions", "--workspace", str(settings.folder)]
    fine = run.invoke(app, words)
    assert (fine.exit_code, fine.output.splitlines()[0]) == (
        0,
        f"current: license of {DATA}: allowed",
    )
    with services_of(settings, clock=Clockwork(START + OPEN % 10**6)) as services:
        send(Api(services, settings), number=2, at=START - DAY // 2, inputs={"bought": None})
    stale = run.invoke(app, words)
    assert stale.exit_code == 1
    assert "1 of 1 decisions are stale" in stale.output


def test_a_license_can_be_judged_as_it_was_known(api: Api) -> None:
    made = at_first(api)
    send(api, number=2, at=START - DAY // 2, inputs={"bought": None})
    params = {"ref": DATA, "as_of": format_millis(made["as_of"])}
    assert answer(api.services, "license.verdict", params)["verdict"] == "unknown"
    then = answer(api.services, "license.verdict", {**params, "known_at": str(made["known_at"])})
    assert then.pop("coverage")["datasets"]
    assert then == {name: said for name, said in made.items() if name != "fact"}
