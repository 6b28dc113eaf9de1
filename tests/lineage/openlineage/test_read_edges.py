"""Edges of reading: limits to the last character, members nobody knows, exact times."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openlineage_events import SCRUBBER, draft, run_event

from lineage.openlineage.errors import NoIdentity, NotAnEvent, TooLarge
from lineage.openlineage.masks import mask_error, mask_free_text, mask_sql, mask_stack
from lineage.openlineage.read import receive
from lineage.openlineage.times import LATEST, event_time


def stored(event: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(draft(event).body)
    return body


def found(event: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["code"], one["at"]) for one in stored(event)["findings"]]


def test_members_that_nobody_knows_are_kept_wherever_they_stand() -> None:
    event = run_event("COMPLETE", 1, inputs=["a"], outputs=["b"], acme=[1])
    for part in (event["run"], event["job"], event["inputs"][0], event["outputs"][0]):
        part["acme"] = {"x": [1, "text"]}
    assert stored(event) == {"event": event, "findings": []}


@pytest.mark.parametrize("place", ["job", "input"])
@pytest.mark.parametrize(("length", "codes"), [(4096, []), (4097, ["name-long"])])
def test_the_limit_of_names_is_exact(place: str, length: int, codes: list[str]) -> None:
    event = run_event("COMPLETE", 1, inputs=["a"])
    part = event["job"] if place == "job" else event["inputs"][0]
    part["name"] = "n" * length
    where = "/job/name" if place == "job" else "/inputs/0/name"
    assert found(event) == [(code, where) for code in codes]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"producer": "x"}, [("producer-no-uri", "/producer")]),
        ({"producer": 3}, [("producer-missing", "/producer")]),
        ({"schemaURL": "x"}, [("schema-url-no-uri", "/schemaURL")]),
        ({"schemaURL": 3}, [("schema-url-missing", "/schemaURL")]),
        ({"schemaURL": "a:b"}, [("schema-url-other", "/schemaURL")]),
        ({"eventType": 3}, [("event-type-unknown", "/eventType")]),
        ({"run": 3}, [("run-not-an-object", "/run")]),
        ({"run": {"runId": ""}}, [("run-id-missing", "/run/runId")]),
        ({"run": {"runId": 3}}, [("run-id-missing", "/run/runId")]),
        ({"inputs": None}, [("datasets-not-a-list", "/inputs")]),
        ({"outputs": 3}, [("datasets-not-a-list", "/outputs")]),
        ({"outputs": [3, {}]}, [("dataset-not-an-object", "/outputs/0"),
                                ("dataset-without-name", "/outputs/1")]),
        ({"inputs": [{"namespace": "n", "name": ""}]}, [("dataset-name-empty", "/inputs/0")]),
        ({"inputs": [{"namespace": 3, "name": ""}]}, [("dataset-without-name", "/inputs/0")]),
        ({"inputs": [{"namespace": "n", "name": "d", "inputFacets": {"a/b~c": None}}]},
         [("facet-null", "/inputs/0/inputFacets/a~1b~0c")]),
        ({"inputs": [{"namespace": "n", "name": "d", "outputFacets": 3}]}, []),
        ({"job": {"namespace": "n", "name": "j", "facets": {"x": {
            "_producer": "a:b", "_schemaURL": "a:b", "_deleted": 3}}}},
         [("facet-deleted-not-boolean", "/job/facets/x")]),
        ({"run": {"runId": "8a03e360-afe4-5d75-bd10-4c60e658eb43", "facets": {"x": {
            "_producer": "a:b", "_schemaURL": "a:b", "_deleted": 3}}}}, []),
        ({"inputs": [{"namespace": "n", "name": "d", "inputFacets": {"x": {
            "_producer": "a:b", "_schemaURL": "a:b", "_deleted": 3}}}]}, []),
        ({"dataset": 3}, []),
    ],
)  # fmt: skip
def test_a_flaw_is_flagged_with_its_place(
    change: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    event = run_event("COMPLETE", 1) | change
    assert found(event) == expected
    assert stored(event)["event"] == event


def test_an_event_type_that_is_absent_is_another_thing_than_one_that_is_null() -> None:
    event = run_event("COMPLETE", 1)
    del event["eventType"]
    assert found(event) == [("event-type-missing", "/eventType")]


def test_a_job_and_a_dataset_without_a_run_are_one_too_many() -> None:
    event = run_event("COMPLETE", 1, dataset={"namespace": "n", "name": "d"})
    assert found(event) == []
    del event["run"]
    assert found(event) == [("event-ambiguous", "/dataset")]
    del event["job"]
    assert found(event) == []


def test_what_a_dataset_event_does_not_know_is_not_judged() -> None:
    event = run_event("COMPLETE", 1, dataset={"namespace": "n", "name": "d"}, inputs=["a"])
    del event["job"]
    event |= {"run": None, "inputs": 3, "outputs": [3], "eventType": 3}
    assert stored(event) == {"event": event, "findings": []}


def test_more_findings_than_are_kept_are_said_to_be_cut() -> None:
    event = run_event("COMPLETE", 1)
    event["job"]["facets"] = {f"f{number:04d}": None for number in range(1000)}
    assert len(found(event)) == 1000
    event["job"]["facets"]["g"] = event["job"]["facets"]["h"] = None
    codes = [code for code, _ in found(event)]
    assert codes == ["facet-null"] * 1000 + ["findings-cut"]


def test_bytes_that_are_not_utf_8_are_called_so() -> None:
    for raw in (b'{"job":{"namespace":"n","name":"\xff"}}', b'{"\xff":1}', b"\xff"):
        with pytest.raises(NotAnEvent) as caught:
            receive(raw, actor="p", scrubber=SCRUBBER, max_bytes=100)
        assert "UTF-8" in caught.value.advice


def test_the_limit_of_bytes_is_exact_and_named() -> None:
    raw = b'{"job":{"namespace":"n","name":"j"}}'
    receive(raw, actor="p", scrubber=SCRUBBER, max_bytes=len(raw))
    with pytest.raises(TooLarge) as caught:
        receive(raw, actor="p", scrubber=SCRUBBER, max_bytes=len(raw) - 1)
    assert str(len(raw)) in caught.value.what


@pytest.mark.parametrize(
    ("event", "where", "member"),
    [
        ({"job": {"namespace": "n"}}, "/job/name", "job"),
        ({"job": 3, "dataset": {"namespace": "n", "name": "d"}}, "/job/name", "job"),
        ({"dataset": {"namespace": "n", "name": 3}}, "/dataset/name", "dataset"),
        ({"inputs": []}, "/job", "job"),
    ],
)
def test_what_is_not_said_is_asked_for(event: dict[str, Any], where: str, member: str) -> None:
    with pytest.raises(NoIdentity) as caught:
        draft(event)
    assert caught.value.where == where
    assert f"{member}.namespace" in caught.value.advice


def test_a_draft_says_who_and_when_and_keeps_the_bytes() -> None:
    raw = json.dumps(run_event("COMPLETE", 1)).encode()
    made = receive(raw, actor="me", scrubber=SCRUBBER, max_bytes=1 << 20)
    assert (made.kind, made.actor, made.raw, made.idempotency) == (
        "openlineage.received/1", "me", raw, raw,
    )  # fmt: skip
    assert made.valid_time == 1_767_225_660_000
    assert made.stream is made.explicit_key is None


@pytest.mark.parametrize(
    ("value", "millis", "code"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000, None),
        ("2026-01-01T00:00:00.9999Z", 1_767_225_600_999, None),
        ("2026-01-01T01:00:00.5+01:00", 1_767_225_600_500, None),
        ("2025-12-31T23:59:60Z", 1_767_225_599_000, None),
        ("2026-01-01t00:00:00z", 1_767_225_600_000, None),
        ("2026-01-01 00:00:00Z", 1_767_225_600_000, None),
        ("2026-01-01T00:00:00", 1_767_225_600_000, "time-without-zone"),
        ("20260101T000000Z", 1_767_225_600_000, "time-form"),
        (" 2026-01-01T00:00:00Z", 1_767_225_600_000, "time-form"),
        ("1970-01-01T00:00:00Z", 0, None),
        ("1969-12-31T23:59:59.999Z", None, "time-absurd"),
        ("2199-12-31T23:59:59.999Z", LATEST - 1, None),
        ("2200-01-01T00:00:00Z", None, "time-absurd"),
        ("2300-01-01T00:00:00", None, "time-without-zone"),
        (0, 0, "time-numeric"),
        (-1, None, "time-unreadable"),
        (1_767_225_600, 1_767_225_600_000, "time-numeric"),
        (1_767_225_600.25, 1_767_225_600_250, "time-numeric"),
        (9_999_999_999, 9_999_999_999_000, "time-numeric"),
        (10_000_000_000, 10_000_000_000, "time-numeric"),
        (LATEST - 1, LATEST - 1, "time-numeric"),
        (LATEST, None, "time-unreadable"),
        (True, None, "time-unreadable"),
        ([], None, "time-unreadable"),
        (None, None, "time-missing"),
        ("", None, "time-unreadable"),
    ],
)
def test_times_to_the_millisecond(value: object, millis: int | None, code: str | None) -> None:
    assert event_time(value) == (millis, code)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("a@b.co", "[e-mail]"), ("a@b.c", "a@b.c"), ("a@b", "a@b"),
        ("x@localhost y", "x@localhost y"),
        ("1234 5678", "[phone]"), ("1234 567", "1234 567"), ("id-1234 5678", "id-1234 5678"),
        ("2026-01-02 10:11:12", "2026-01-02 10:11:12"), ("10.20.30.40", "10.20.30.40"),
        ("pwd: x", "pwd: [credential]"), ("token=a,b", "token=[credential],b"),
        ("Authorization: Bearer abc", "Authorization: [credential]"),
        ("http://u:p@h", "http://[credential]@h"), ("http://u@host", "http://u@host"),
        ("DE89370400440532013000", "[iban]"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_free_text_to_the_last_character(text: str, masked: str) -> None:
    assert mask_free_text(text) == masked


@pytest.mark.parametrize(
    ("sql", "masked"),
    [
        ("a = 'x''y' b", "a = ? b"), ("a = 'x\\'y' b", "a = ? b"), ("E'x' n'y'", "? ?"),
        ("a /* x */ b", "a /* */ b"), ("a -- x\nb", "a /* */\nb"), ("a /* x", "a /* */"),
        ("$$x$$ b", "? b"), ("$t$x$$y$t$ b", "? b"), ("$t$x", "?"), ("1.5e3 t1", "? t1"),
        ('"Name" `t` [x y]', '"Name" `t` [x y]'), ('"a@b.org"', "?"), ('"a;b"', "?"),
        ('"' + "n" * 256 + '"', '"' + "n" * 256 + '"'), ('"' + "n" * 257 + '"', "?"),
        ('"open', "?"), ("`open", "?"), ("[open", "[open"), ("x2 = 2", "x2 = ?"),
    ],
)  # fmt: skip
def test_statements_to_the_last_character(sql: str, masked: str) -> None:
    assert mask_sql(sql) == masked


def test_errors_and_stacks_to_the_last_character() -> None:
    assert mask_error("") == ""
    assert mask_error("x") == "[1 characters masked]"
    assert mask_error("a.B.CError: x") == "a.B.CError: [3 characters masked]"
    assert mask_error(" " * 600 + "CError") == "[606 characters masked]"
    frames = '  File "a.py", line 3, in f\n\tat a.B.c(B.java:3)\n\nCError: x'
    assert mask_stack(frames) == (
        '  File "a.py", line 3, in f\n\tat a.B.c(B.java:3)\nCError: [3 characters masked]'
    )
