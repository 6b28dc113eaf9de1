"""Events on their way in: accepted, flagged, scrubbed, or refused with a reason."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage_events import SCRUBBER, World, dataset, draft, facet, run_event

from lineage.openlineage.errors import NoIdentity, NotAnEvent, TooDeep, TooLarge
from lineage.openlineage.masks import mask_error, mask_free_text, mask_sql
from lineage.openlineage.read import receive

LIMIT = 32 * 1024 * 1024


def stored(event: dict[str, Any] | bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(draft(event).body)
    return body


def codes(event: dict[str, Any] | bytes) -> set[str]:
    return {finding["code"] for finding in stored(event)["findings"]}


def with_facet(name: str, **members: Any) -> dict[str, Any]:
    event = run_event("COMPLETE", 1)
    event["run"]["facets"][name] = facet("Some", **members)
    return event


def given_back(name: str, **members: Any) -> Any:
    return stored(with_facet(name, **members))["event"]["run"]["facets"][name]


def test_a_good_event_has_no_findings_and_is_given_back() -> None:
    event = run_event("COMPLETE", 1, inputs=["a"], outputs=[dataset("b", columns=["x"])])
    assert stored(event) == {"event": event, "findings": []}


def test_an_unknown_facet_is_given_back() -> None:
    members = {"plan": [{"node": 1, "text": "Scan", "big": 2**70, "real": 0.1}], "flag": None}
    assert given_back("acme_plan", **members) == facet("Some", **members)


def test_unknown_members_of_the_event_are_kept() -> None:
    event = run_event("COMPLETE", 1, acme={"x": [1, 2]})
    assert stored(event)["event"]["acme"] == {"x": [1, 2]}


def test_the_same_bytes_give_the_same_body_whatever_the_order_of_members() -> None:
    event = run_event("COMPLETE", 1, inputs=["a"])
    turned = dict(reversed(event.items()))
    assert draft(event).body == draft(turned).body


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"hello", b"3", b"[1]", b"null", b"\xef\xbb\xbf{}", b"{", b'{"job":\x00}',
        '{"job":{}}'.encode("utf-16"),
        b'{"job":{"namespace":"a","name":"\xff"}}',
        b'{"job":{"namespace":"a","name":"\\ud800"}}',
        b'{"job":{"namespace":"a","name":"b","facets":{"x":{"y":"\\udfff"}}}}',
        b'{"job":{"namespace":"a","name":"b","facets":{"x":NaN}}}',
        b'{"job":{"namespace":"a","name":"b","facets":{"x":{"y":Infinity}}}}',
        b'{"job":{"namespace":"a","name":"b","facets":{"x":{"y":1e400}}}}',
        b'{"job":{"namespace":"a","name":"b","facets":{"x":{"y":' + b"1" * 9000 + b"}}}}",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused_clearly(raw: bytes) -> None:
    with pytest.raises(NotAnEvent) as caught:
        receive(raw, actor="p", scrubber=SCRUBBER, max_bytes=LIMIT)
    assert caught.value.http_status == 400
    assert caught.value.advice


@pytest.mark.parametrize(
    "event",
    [
        {}, {"run": {"runId": "r"}}, {"job": None}, {"job": []}, {"job": {"namespace": "a"}},
        {"job": {"namespace": "a", "name": ""}}, {"job": {"namespace": "a", "name": 3}},
        {"job": {"name": "b"}}, {"dataset": {"name": "b"}}, {"run": {}, "dataset": {}},
    ],
)  # fmt: skip
def test_an_event_without_identity_is_refused_with_the_place(event: dict[str, Any]) -> None:
    with pytest.raises(NoIdentity) as caught:
        draft(event)
    assert caught.value.where.startswith("/")


@pytest.mark.parametrize("member", ["job", "acme", "inputs"])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused(member: str, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    value = opening * 10_000 + b"1" + closing * 10_000
    head = b'{"job":{"namespace":"a","name":"b"},"' if member != "job" else b'{"'
    raw = head + member.encode() + b'":' + value + b"}"
    with pytest.raises((TooDeep, NoIdentity)):
        receive(raw, actor="p", scrubber=SCRUBBER, max_bytes=LIMIT)


def test_a_body_beyond_the_limit_is_refused_as_too_large() -> None:
    with pytest.raises(TooLarge) as caught:
        receive(b" " * 11, actor="p", scrubber=SCRUBBER, max_bytes=10)
    assert caught.value.http_status == 413


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"eventTime": "yesterday"}, "time-unreadable"),
        ({"eventTime": None}, "time-missing"),
        ({"eventTime": "2026-01-01T00:00:00"}, "time-without-zone"),
        ({"eventTime": 1_767_225_600_000}, "time-numeric"),
        ({"eventTime": "0001-01-01T00:00:00Z"}, "time-absurd"),
        ({"eventTime": "9999-12-31T23:59:59Z"}, "time-absurd"),
        ({"eventTime": True}, "time-unreadable"),
        ({"eventType": "FINISHED"}, "event-type-unknown"),
        ({"eventType": None}, "event-type-unknown"),
        ({"schemaURL": None}, "schema-url-missing"),
        ({"schemaURL": "https://example.org/x"}, "schema-url-other"),
        ({"producer": None}, "producer-missing"),
        ({"run": {"runId": "run_id"}}, "run-id-not-a-uuid"),
        ({"run": {}}, "run-id-missing"),
        ({"run": {"runId": "8a03e360-afe4-5d75-bd10-4c60e658eb43", "facets": None}}, "facets-null"),
        ({"inputs": {"a": 1}}, "datasets-not-a-list"),
        ({"inputs": [3]}, "dataset-not-an-object"),
        ({"inputs": [{"namespace": "n"}]}, "dataset-without-name"),
        ({"outputs": [{"namespace": "n", "name": "d", "facets": {"schema": None}}]}, "facet-null"),
        ({"outputs": [{"namespace": "n", "name": "d", "facets": 3}]}, "facets-not-an-object"),
        ({"job": {"namespace": "", "name": "j"}}, "namespace-empty"),
        ({"job": {"namespace": "n", "name": "j\n\u202ej"}}, "name-unprintable"),
        ({"job": {"namespace": "n", "name": "j" * 1_048_576}}, "name-long"),
    ],
)
def test_other_defects_are_flagged_and_the_event_is_kept_and_folded(
    change: dict[str, Any], code: str, tmp_path: Path
) -> None:
    event = run_event("COMPLETE", 1, inputs=["a"], outputs=["b"]) | change
    assert codes(event) == {code}
    assert stored(event)["event"] == event
    world = World(tmp_path).send(event)
    assert (world.state.position(), world.state.stuck()) == (1, [])
    assert len(world.state.runs()) == 1
    world.close()


def test_of_duplicate_members_the_last_counts() -> None:
    raw = b'{"job":{"namespace":"n","name":"first","name":"last"},"eventTime":1,"eventTime":2}'
    event = stored(raw)["event"]
    assert (event["job"]["name"], event["eventTime"]) == ("last", 2)


@pytest.mark.parametrize(
    "name",
    ["a/../../b", "a:b", "line\nbreak", "\u202ertl", "\u0440\u0430ypal", "😀", "e\u0301", "é",
     "__proto__", "{{7*7}}", "'; drop table node; --", "<b>", "=cmd|' /C calc'!A0", "n\x00ul"],
)  # fmt: skip
def test_odd_names_are_inert_and_stay_distinct(name: str, tmp_path: Path) -> None:
    world = World(tmp_path).send(run_event("COMPLETE", 1, inputs=[name], outputs=["out"]))
    assert set(world.edges()) == {(name, "out")}
    world.close()


def test_a_huge_event_is_bounded(tmp_path: Path) -> None:
    wide = run_event("COMPLETE", 1, inputs=[f"i{n}" for n in range(20_000)], outputs=["a", "b"])
    wide["run"]["facets"] = {f"f{n}": {} for n in range(50_000)}
    world = World(tmp_path)
    tracemalloc.start()
    world.send(wide)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400 * 1024 * 1024
    ((_, cause, kind, _),) = world.state.stuck()
    assert kind == "wiring"
    assert "20000 inputs x 2 outputs" in cause
    world.close()


MEMBERS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
EVENT_MEMBERS = st.sampled_from(
    ["eventType", "eventTime", "producer", "schemaURL", "run", "inputs", "outputs", "dataset", "x"]
)


@given(st.dictionaries(EVENT_MEMBERS, MEMBERS, max_size=5), st.dictionaries(st.text(), MEMBERS))
def test_nothing_with_an_identity_is_refused_or_crashes(
    members: dict[str, Any], facets: dict[str, Any]
) -> None:
    event = {**members, "job": {"namespace": "n", "name": "j", "facets": facets}}
    body = stored(msgspec.json.encode(event))
    assert set(body["event"]) == set(event)
    assert draft(msgspec.json.encode(event)).body == draft(msgspec.json.encode(event)).body


def test_literals_in_sql_are_masked_and_names_are_not() -> None:
    sql = """SELECT "Id", `t`.[x] FROM s3.t1 -- for jane@example.org
    WHERE mail = 'jane@example.org' AND n > 12.5 AND d = $q$x$q$ AND m = "jane@example.org" /* x"""
    masked = mask_sql(sql)
    assert "jane" not in masked
    assert "12.5" not in masked
    assert masked.startswith('SELECT "Id", `t`.[x] FROM s3.t1 /* */')


def test_an_unclosed_literal_is_masked_to_the_end() -> None:
    assert mask_sql("select 'abc") == "select ?"
    assert mask_sql("select 'abc\\") == "select ?"


def test_errors_keep_the_class_and_the_frames() -> None:
    assert (
        mask_error("java.io.IOException: no jane") == "java.io.IOException: [9 characters masked]"
    )
    trace = "ValueError: jane\n\tat a.B.c(B.java:12)\n  jane"
    facets = given_back("errorMessage", message="jane failed", stackTrace=trace)
    assert facets["message"] == "[11 characters masked]"
    assert "jane" not in facets["stackTrace"]
    assert "at a.B.c(B.java:12)" in facets["stackTrace"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to jane.doe+x@mail.example.org now", "write to [e-mail] now"),
        ("DE89 3704 0044 0532 0130 00", "[iban]"),
        ("GB82WEST12345698765432", "[iban]"),
        ("call +49 (30) 1234-5678", "call [phone]"),
        ("token=abc.def", "token=[credential]"),
        ("jdbc:pg://user:pw@host/db", "jdbc:pg://[credential]@host/db"),
        ("2026-01-01 00:00:00.000", "2026-01-01 00:00:00.000"),
        ("8a03e360-afe4-5d75-bd10-4c60e658eb43", "8a03e360-afe4-5d75-bd10-4c60e658eb43"),
        ("s3://b/day=20240101/part-00001.parquet", "s3://b/day=20240101/part-00001.parquet"),
        ("10.20.30.40", "10.20.30.40"),
    ],
)
def test_free_text_is_masked_narrowly(text: str, masked: str) -> None:
    assert mask_free_text(text) == masked


def test_environment_and_parameter_values_are_masked() -> None:
    environment = given_back(
        "environmentVariables", environmentVariables=[{"name": "K", "value": "v"}]
    )
    assert environment["environmentVariables"] == [{"name": "K", "value": "[masked]"}]
    parameters = given_back(
        "executionParameters", parameters=[{"key": "k", "name": "k", "value": 7}]
    )
    assert parameters["parameters"][0]["value"] == "[masked]"


def test_free_text_of_an_unknown_facet_is_masked_and_its_secrets_are() -> None:
    kept = given_back("acme", note="mail jane@example.org", api_key="abc", rows=49_301_234_567)
    assert kept["note"] == "mail [e-mail]"
    assert kept["api_key"] == "[credential]"
    assert kept["rows"] == 49_301_234_567


def test_names_are_never_touched() -> None:
    name = "jane@example.org/+49 30 12345678"
    event = run_event("COMPLETE", 1, job=name, inputs=[dataset(name, columns=[name])])
    assert stored(event)["event"] == event


def test_hostile_text_is_masked_in_linear_time() -> None:
    import time

    start = time.process_time()
    for text in ("a@" * 100_000, "'\\" * 100_000, "1 " * 100_000, "AB12 " * 40_000, "a.a" * 90_000):
        mask_free_text(text)
        mask_sql(text)
        mask_error(text)
    assert time.process_time() - start < 20
