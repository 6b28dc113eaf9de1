"""Jobs that missed their turn, and evidence that has grown old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import START, Api, complete, services_of, workspace

from catalog.facets import license_facet
from lineage.clock import format_millis
from privacy.scan.engine import engine
from privacy.scan.settings import ScanSettings
from tracehold.acts import perform
from tracehold.doctor import examine
from tracehold.freshness import SCAN_AGE_MS, WAIVER_NOTICE_MS
from tracehold.questions import answer
from tracehold.watching import Watch

DAY = 86_400_000
DATA = "dataset:[shop]clean_1"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        yield Api(services, settings)


def send(api: Api, job: str, at: int, *, state: str = "COMPLETE", **changes: Any) -> None:
    event = complete(job)
    event["run"]["runId"] = f"00000000-0000-4000-8000-{at % 10**12:012d}"
    event |= {"eventTime": format_millis(at), "eventType": state, **changes}
    sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    assert sent.status_code == 201
    api.services.catch_up()


def ran(api: Api, job: str, at: int, *, state: str = "COMPLETE") -> None:
    send(api, job, at, state=state, inputs=[], outputs=[])


def late(api: Api, now: int) -> list[str]:
    said: Any = answer(api.services, "freshness", {"now": format_millis(now)})
    names = [one["job"] for one in said["jobs"] if one["late"]]
    assert said["late"] == len(names)
    return names


def old(api: Api, now: int) -> list[tuple[str, str, str]]:
    said: Any = answer(api.services, "freshness", {"now": format_millis(now)})
    return [(one["kind"], one["ref"], one["why"]) for one in said["evidence"]]


def test_where_dagster_is_not_in_use_nothing_is_late(api: Api) -> None:
    assert not late(api, START + 1_000 * DAY)
    (check,) = [one for one in examine(api.settings) if one.name == "jobs"]
    assert check.ok
    assert check.text == "no job of ours ever ran; they come with Dagster"


def test_a_missed_run_shows_before_the_next_turn_is_over(api: Api) -> None:
    for job in ("retention.due", "evidence.look", "certificates.verify"):
        ran(api, job, START)
    assert not late(api, START + DAY)
    # It should have run a day later; by the end of the next day, somebody knows.
    assert not late(api, START + DAY + DAY // 2)
    ran(api, "evidence.look", START + DAY)
    assert late(api, START + 2 * DAY) == ["retention.due"]
    ran(api, "retention.due", START + 2 * DAY)
    assert late(api, START + 2 * DAY + 1) == []
    assert late(api, START + 11 * DAY)[-1] == "certificates.verify"


def test_a_run_that_failed_is_a_run_missed(api: Api) -> None:
    for job in ("retention.due", "evidence.look", "certificates.verify"):
        ran(api, job, START)
    ran(api, "evidence.look", START + DAY)
    ran(api, "retention.due", START + DAY, state="FAIL")
    assert late(api, START + 2 * DAY) == ["retention.due"]
    said: Any = answer(api.services, "freshness", {"now": format_millis(START + 2 * DAY)})
    assert {one["job"]: one["newest"] for one in said["jobs"]} == {
        "retention.due": "FAIL", "evidence.look": "COMPLETE", "certificates.verify": "COMPLETE",
    }  # fmt: skip


def test_a_job_that_never_ran_beside_others_is_late(api: Api) -> None:
    ran(api, "retention.due", START)
    assert late(api, START + DAY) == []
    ran(api, "retention.due", START + 2 * DAY)
    assert late(api, START + 2 * DAY) == ["evidence.look"]


def test_what_is_late_stands_among_what_needs_attention(api: Api) -> None:
    ran(api, "retention.due", START - 3 * DAY)
    said: Any = answer(api.services, "overview", {})
    texts = [one["text"] for one in said["attention"] if one["kind"] == "schedule"]
    assert texts[0].startswith("retention.due missed its turn: last ran 2026-")
    assert texts[1:] == ["evidence.look missed its turn: never ran"]
    checks = {one.name: one for one in examine(api.settings)}
    assert not checks["jobs"].ok
    assert checks["jobs"].text.startswith("missed their turn: retention.due, evidence.look")


def scan(api: Api, *, version: str = "", digest: str = "") -> None:
    admin = api.services.people.by_token(api.token())
    body = {
        "dataset": DATA, "version": version, "engine": engine(), "rows": 3, "columns": {},
        "config_digest": digest or ScanSettings().digest(engine()),
    }  # fmt: skip
    perform(api.services, admin, "pii.record", body)


def written(api: Api, at: int, version: str) -> None:
    facet = {"_producer": "https://example.org", "_schemaURL": "x", "datasetVersion": version}
    output = {"namespace": "shop", "name": "clean_1", "facets": {"version": facet}}
    send(api, "load", at, outputs=[output])


def test_a_scan_grows_old_with_time_with_its_detector_and_with_the_data(api: Api) -> None:
    written(api, START - DAY, "v1")
    now = START + DAY
    assert not old(api, now)
    scan(api, digest="another")
    (found,) = old(api, now)
    assert found == ("scan", DATA, "the scan was made by another detector or other settings")
    scan(api, version="v1")
    assert not old(api, now)
    assert old(api, now + SCAN_AGE_MS) == [("scan", DATA, "the scan is older than 90 days")]
    written(api, START + DAY, "v2")
    assert old(api, now) == [("scan", DATA, "the newest version was not scanned")]


def test_terms_that_nobody_read_again_and_waivers_that_end_are_named(api: Api) -> None:
    assert not old(api, START)
    (found,) = old(api, START + 2_000 * DAY)
    assert found[0] == "retention-class"
    assert found[2] == "its legal basis was to be read again by 2028-01-31"

    approver = api.services.people.by_token(api.hire("anna", "approver"))
    end = START + 30 * DAY
    body = {"scope": "license", "reason": "a test", "expires": format_millis(end)}
    given: Any = perform(api.services, approver, "waiver.grant", {"model": "late@1", **body})
    assert not old(api, end - WAIVER_NOTICE_MS - 1)
    told = ("waiver", "model:late@1", f"waiver {given['waiver']} ends soon")
    assert old(api, end - WAIVER_NOTICE_MS) == [told]
    assert not old(api, end)


def test_a_decision_that_late_facts_contradict_is_old_evidence(api: Api) -> None:
    send(api, "load", START - DAY)
    admin = api.services.people.by_token(api.token())
    perform(api.services, admin, "license.record", {"ref": DATA})
    guard = Watch(api.services)
    guard.look()
    assert not old(api, START + DAY)
    facets = {"tracehold_license": license_facet("CC-BY-NC-4.0")}
    bought = {"namespace": "shop", "name": "bought", "facets": facets}
    send(api, "load", START - DAY // 2, inputs=[bought])
    guard.look()
    told = ("decision", DATA, "late facts contradict the decision on license")
    assert old(api, START + DAY) == [told]
