"""Inputs I01 to I14 of the reliability list, against a real server.

Whatever comes: 201, or a 4xx with a code; never a 5xx. What is refused leaves no trace, memory
stays bounded, and the server lives on.
"""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hostile import LINEAGE, MIB, PEAK, Hostile, event, named, pieces
from load import large_event
from rounds import rounds
from running_server import make_workspace, run, serving

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alive_afterwards")]


def job(**members: Any) -> dict[str, Any]:
    return {"namespace": "hostile", "name": "j", **members}


# I01. what is no JSON object


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"hello", b"3", b'"text"', b"null", b"true", b"[]", b"[1]", b"{", b"{}}",
        b"\x00",
        b'\xef\xbb\xbf{"job":{"namespace":"a","name":"b"}}',
        '{"job":{"namespace":"a","name":"b"}}'.encode("utf-16"),
        '{"job":{"namespace":"a","name":"b"}}'.encode("utf-32"),
        b'{"job":{"namespace":"a","name":"\xff"}}',
        b'{"job":{"namespace":"a","name":"\xc0\xaf"}}',
        b'{"job":{"namespace":"a","name":"\xed\xa0\x80"}}',
        b'{"job":{"namespace":"a","name":"b\x00"}}',
        b'{"job":{"namespace":"a","name":"\\ud800"}}',
        b'{"job":{"namespace":"a","name":"b"},"x":"\\udfff"}',
        b'{"job":{"namespace":"a","name":"b"}} {}',
        b"{'job':1}",
    ],
)  # fmt: skip
def test_i01_what_is_no_json_object_is_refused(hostile: Hostile, body: bytes) -> None:
    told = hostile.refuse(body, 400, "not-an-event")
    assert "b\x00" not in json.dumps(told)


def test_i01_an_escaped_nul_is_a_character_and_is_kept(hostile: Hostile) -> None:
    fact = hostile.take(event(job=job(name="n\x00ul")))
    assert fact["event"]["job"]["name"] == "n\x00ul"
    assert hostile.codes(fact) == {"name-unprintable"}


def test_i01_an_event_about_nothing_is_refused_with_the_place(hostile: Hostile) -> None:
    for body, where in (({}, "/job"), ({"job": {}}, "/job/name"), ({"job": 3}, "/job/name")):
        assert hostile.refuse(body, 400, "no-identity")["where"] == where


# I02. Nesting


@pytest.mark.parametrize("member", ["job", "inputs", "run", "eventTime", "acme"])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_i02_ten_thousand_levels_are_refused(hostile: Hostile, member: str, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    deep = opening * 10_000 + b"1" + closing * 10_000
    good = {k: v for k, v in event().items() if k != member}
    body = json.dumps(good).encode()[:-1] + b',"' + member.encode() + b'":' + deep + b"}"
    before = hostile.standing()
    status, told = hostile.post(body)
    assert (status, told["code"]) in {(400, "too-deep"), (400, "no-identity")}
    assert hostile.standing() == before


def test_i02_levels_that_real_plans_have_are_taken(hostile: Hostile) -> None:
    plan: Any = 1
    for _ in range(90):
        plan = {"a": [plan]}
    run_facets = {"runId": "8a03e360-afe4-5d75-bd10-4c60e658eb43", "facets": {"plan": plan}}
    assert hostile.take(event(run=run_facets))["event"]["run"]["facets"]["plan"] == plan


# I03. Size


def test_i03_a_hundred_mebibytes_are_refused_while_they_come(hostile: Hostile) -> None:
    start = b'{"job":{"namespace":"a","name":"b"},"x":"'
    before = hostile.peak_bytes()
    hostile.refuse(pieces(100 * MIB, start), 413, "too-large")
    told = hostile.refuse(pieces(33 * MIB), 413, "too-large", Content_Length=str(33 * MIB))
    assert "limit" in told["advice"]
    assert hostile.peak_bytes() - before < 64 * MIB


def test_i03_a_plan_of_25_megabytes_is_taken_whole_within_300(tmp_path: Path) -> None:
    body = large_event(25_000_000)
    with serving(make_workspace(tmp_path / "shop")) as server:
        alone = Hostile(server)
        status, told = alone.post(body)
        assert status == 201, told
        alone.settled()
        assert alone.peak_bytes() < 300 * MIB
        assert alone.ask("dataset", ref="dataset:[bench]clean")["columns"] == []
        alone.close()


@pytest.mark.campaign
def test_i03_very_many_facets_are_taken_within_bounds(hostile: Hostile) -> None:
    count = rounds(usual=200_000, campaign=1_000_000)
    facets = {f"f{number:06d}": {} for number in range(count)}
    run_facets = {"runId": "8a03e360-afe4-5d75-bd10-4c60e658eb44", "facets": facets}
    status, told = hostile.post(event(run=run_facets))
    assert status == 201
    body = hostile.client.json("/api/v1/fact", id=told["receipt"])
    assert len(body["findings"]) == 1001
    assert body["findings"][-1]["code"] == "findings-cut"
    assert len(body["event"]["run"]["facets"]) == count
    hostile.settled()
    assert hostile.peak_bytes() < PEAK


@pytest.mark.campaign
def test_i03_very_many_inputs_are_taken_and_what_is_not_wired_is_named(hostile: Hostile) -> None:
    count = rounds(usual=20_000, campaign=100_000)
    wide = named(*(f"in_{number:06d}" for number in range(count)))
    status, _ = hostile.post(event(job=job(name="wide"), inputs=wide, outputs=named("o1", "o2")))
    assert status == 201
    hostile.settled(300)
    assert any(f"{count} inputs x 2 outputs" in cause for cause, _ in hostile.stuck())
    attention = hostile.ask("overview")["attention"]
    assert any(one["kind"] == "stuck" and "inputs x 2 outputs" in one["text"] for one in attention)
    assert hostile.peak_bytes() < PEAK


def test_i03_a_name_of_a_mebibyte_is_kept_and_flagged(hostile: Hostile) -> None:
    name = "n" * MIB
    fact = hostile.take(event(job=job(name="long"), inputs=named(name), outputs=named("short")))
    assert fact["event"]["inputs"][0]["name"] == name
    assert hostile.codes(fact) == {"name-long"}
    traced = hostile.ask("trace", ref="dataset:[hostile]short", direction="up")
    assert len(json.dumps(traced)) < 3 * MIB


# I04. Duplicate members


def test_i04_of_duplicate_members_the_last_counts_and_the_raw_part_has_all(
    hostile: Hostile,
) -> None:
    body = json.dumps(event()).encode()
    twice = body[:-1] + b',"job":{"namespace":"hostile","name":"a","name":"dup"}}'
    fact = hostile.take(twice)
    assert fact["event"]["job"]["name"] == "dup"
    assert fact["masked"] == []
    assert hostile.ask("job", ref="job:[hostile]dup")["ref"] == "job:[hostile]dup"


# I05. Numbers


@pytest.mark.parametrize(
    "number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"0x1", b"01", b"1" * 9000]
)
def test_i05_what_is_no_json_number_is_refused(hostile: Hostile, number: bytes) -> None:
    facet = b'{"_producer":"a:b","_schemaURL":"a:b","x":' + number + b"}"
    body = b'{"job":{"namespace":"a","name":"b","facets":{"f":' + facet + b"}}}"
    hostile.refuse(body, 400, "not-an-event")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**400, 0.1, -0.0, 5e-324])
def test_i05_large_and_small_numbers_are_given_back_exactly(
    hostile: Hostile, number: float
) -> None:
    fact = hostile.take(event(acme={"x": number}))
    assert json.dumps(fact["event"]["acme"]["x"]) == json.dumps(number)


@pytest.mark.parametrize("moment", [10**400, -1, 1e308, 2**63, 0.5])
def test_i05_a_time_that_is_a_number_is_read_or_flagged(hostile: Hostile, moment: float) -> None:
    codes = hostile.codes(hostile.take(event(eventTime=moment)))
    assert codes & {"time-numeric", "time-unreadable"}


# I06. Schemas that are missing or of others


def test_i06_other_schemas_and_unknown_facets_are_kept(hostile: Hostile) -> None:
    acme = {"_producer": "https://acme.example", "_schemaURL": "https://acme.example/F.json#/x"}
    facets = {"acme": {**acme, "deep": [{"a": None}], "1": 1.5}, "_": {}, "": {}}
    sent = event(job=job(facets=facets), schemaURL="https://acme.example/Event.json")
    fact = hostile.take(sent)
    assert fact["event"] == sent
    assert fact["masked"] == []
    assert hostile.codes(fact) == {
        "schema-url-other", "facet-without-producer", "facet-without-schema-url",
    }  # fmt: skip
    del sent["schemaURL"]
    assert "schema-url-missing" in hostile.codes(hostile.take(sent))


# I07. Runs


def runs_of(hostile: Hostile, name: str) -> dict[str, dict[str, Any]]:
    rows = hostile.ask("runs", job=f"job:[hostile]{name}")["items"]
    return {row["run_id"]: row for row in rows}


def send_run(hostile: Hostile, name: str, run_id: str, *kinds: str, minute: int = 0) -> None:
    for number, kind in enumerate(kinds, minute):
        moment = f"2026-03-01T12:{number:02d}:00Z"
        hostile.take(
            event(eventType=kind, eventTime=moment, run={"runId": run_id}, job=job(name=name))
        )


def test_i07_an_id_that_is_no_uuid_is_kept_and_flagged(hostile: Hostile) -> None:
    for run_id in ("run_id", "", "../../etc", "8a03e360afe45d75bd104c60e658eb43", "é" * 500):
        fact = hostile.take(event(run={"runId": run_id}, job=job(name="odd ids")))
        assert fact["event"]["run"]["runId"] == run_id
        assert hostile.codes(fact) & {"run-id-not-a-uuid", "run-id-missing"}
    assert len(runs_of(hostile, "odd ids")) == 5


def test_i07_one_run_id_of_two_jobs_is_two_runs(hostile: Hostile) -> None:
    same = "8a03e360-afe4-5d75-bd10-4c60e658eb45"
    send_run(hostile, "twin one", same, "START", "COMPLETE")
    send_run(hostile, "twin two", same, "START", "FAIL")
    assert runs_of(hostile, "twin one")[same]["state"] == "COMPLETE"
    assert runs_of(hostile, "twin two")[same]["state"] == "FAIL"


@pytest.mark.parametrize(
    ("kinds", "state", "contradicted"),
    [
        (("COMPLETE", "START"), "COMPLETE", False),
        (("COMPLETE", "COMPLETE"), "COMPLETE", False),
        (("COMPLETE", "FAIL"), "FAIL", True),
        (("FAIL", "COMPLETE"), "FAIL", True),
        (("ABORT", "OTHER", "START"), "ABORT", False),
        (("START",), "START", False),
        (("OTHER", "START", "RUNNING"), "RUNNING", False),
        (("DONE",), "OTHER", False),
    ],
)
def test_i07_the_state_of_a_run_comes_from_all_its_events(
    hostile: Hostile, kinds: tuple[str, ...], state: str, contradicted: bool
) -> None:
    name, run_id = " ".join(kinds), "8a03e360-afe4-5d75-bd10-4c60e658eb46"
    send_run(hostile, name, run_id, *kinds)
    row = runs_of(hostile, name)[run_id]
    assert (row["reported"], row["contradicted"]) == (state, contradicted)


# I08. Times


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2026-03-01T12:00:00", "time-without-zone"),
        ("0001-01-01T00:00:00Z", "time-absurd"),
        ("9999-12-31T23:59:59Z", "time-absurd"),
        ("9999-12-31T23:59:59-23:59", "time-absurd"),
        ("10000-01-01T00:00:00Z", "time-unreadable"),
        ("2026-02-30T00:00:00Z", "time-unreadable"),
        ("2026-03-01", "time-without-zone"),
        ("20260301T120000Z", "time-form"),
        (" 2026-03-01T12:00:00Z ", "time-form"),
        ("", "time-unreadable"),
        ("now", "time-unreadable"),
        ("٢٠٢٦-03-01T12:00:00Z", "time-unreadable"),
        ("2026-03-01T12:00:00.123456789123Z", None),
        ("2026-03-01T23:59:60Z", None),
        ("2026-03-01t12:00:00z", None),
        ("2099-01-01T00:00:00+14:00", None),
    ],
)
def test_i08_odd_times_are_flagged_and_kept(
    hostile: Hostile, moment: str, code: str | None
) -> None:
    fact = hostile.take(event(eventTime=moment))
    assert fact["event"]["eventTime"] == moment
    assert hostile.codes(fact) == ({code} if code else set())
    assert (fact["valid"] is None) == (code in ("time-absurd", "time-unreadable"))
    hostile.settled()


# I09. Names

NAMES = (
    "a/../../b", "..", "/", "//", "a:b", "urn:x:y", "line\nbreak", "cr\rlf", "\u202ertl", "tab\t",
    "\u0440\u0430ypal", "paypal", "😀", "e\u0301", "é", "a b", " lead", "trail ", "%2e%2e%2f",
    "a@b", "a#b", "[x]", "?q=1&r=2", "\x7f", "\ufeff", "null", "0", "__proto__", "constructor",
)  # fmt: skip


def test_i09_odd_names_stay_apart_and_can_be_asked_for(hostile: Hostile) -> None:
    for number, name in enumerate(NAMES):
        hostile.take(
            event(job=job(name=f"odd {number}"), inputs=named(name), outputs=named(f"of {number}"))
        )
    assert unicodedata.normalize("NFC", "e\u0301") == "é"
    seen = set()
    for number, name in enumerate(NAMES):
        traced = hostile.ask("trace", ref=f"dataset:[hostile]of {number}", direction="up")
        (source,) = (one for one in traced["nodes"] if one.get("name") == name)
        seen.add(source["key"])
        status, page = hostile.client.get(f"/datasets/{source['key']}")
        assert status == 200, name
        assert b"<html" in page
    assert len(seen) == len(NAMES)


# I10. Shapes of graphs


def test_i10_a_table_that_feeds_itself_and_a_ring_are_traced(hostile: Hostile) -> None:
    hostile.take(event(job=job(name="loop"), inputs=named("self"), outputs=named("self")))
    ring = [f"ring_{number}" for number in range(40)]
    for one, other in zip(ring, [*ring[1:], ring[0]], strict=True):
        hostile.take(event(job=job(name=f"to {other}"), inputs=named(one), outputs=named(other)))
    for direction in ("up", "down"):
        traced = hostile.ask("trace", ref="dataset:[hostile]self", direction=direction)
        assert len(traced["nodes"]) == 1
        traced = hostile.ask("trace", ref="dataset:[hostile]ring_0", direction=direction, depth=99)
        assert len(traced["nodes"]) == 40


@pytest.mark.campaign
def test_i10_a_table_in_very_many_runs_costs_a_trace_nothing(hostile: Hostile) -> None:
    count = rounds(usual=1_000, campaign=50_000)
    shape = {"job": job(name="busy"), "inputs": named("hub_in"), "outputs": named("hub")}
    for _ in range(count):
        status, _ = hostile.client.post(LINEAGE, json.dumps(event(**shape)).encode())
        assert status == 201
    hostile.settled(600)
    traced = hostile.ask("trace", ref="dataset:[hostile]hub", direction="up")
    assert {one["name"] for one in traced["nodes"]} == {"hub", "hub_in"}
    assert len(json.dumps(traced)) < 20_000
    assert len(hostile.ask("job", ref="job:[hostile]busy")["runs"]) == 20


# I11. Columns that are not there


def test_i11_lineage_of_missing_columns_is_shown_as_said(hostile: Hostile) -> None:
    fields = {
        "gone": {"inputFields": [{"namespace": "hostile", "name": "nowhere", "field": "x"}]},
        "": {"inputFields": [{"namespace": "hostile", "name": "cols", "field": ""}]},
        "odd": {"inputFields": [3, None, {"name": "cols"}, {"field": "x"}]},
        "none": None,
        "list": [1],
    }
    base = {"_producer": "https://example.org/x", "_schemaURL": "https://example.org/x.json"}
    standard = base | {
        "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json"
    }
    schema = base | {"fields": [{"name": "there"}, {"name": 3}, None, {}]}
    outputs = named("cols")
    outputs[0]["facets"] = {"schema": schema, "columnLineage": standard | {"fields": fields}}
    fact = hostile.take(event(job=job(name="cols"), outputs=outputs))
    assert "facet-off-schema" in hostile.codes(fact)
    hostile.ask("trace", ref="column:[hostile]cols#gone", columns="true", direction="up")
    edges = hostile.ask("dataset", ref="dataset:[hostile]cols")["columns"]
    assert "there" in {one["field"] for one in edges}
    assert hostile.stuck() == [one for one in hostile.stuck() if one[1] == "wiring"]


@pytest.mark.parametrize(
    "facet",
    [
        {"fields": {"a": {"inputFields": 5}}},
        {"fields": {"a": {"inputFields": {"x": 1}}}},
        {"fields": {"a": {"inputFields": [{"namespace": "h", "name": "n", "field": "f",
                                          "transformations": 7}]}}},
        {"fields": {"a": {"inputFields": [{"namespace": "h", "name": "n", "field": "f",
                                          "transformations": {"type": "X"}}],
                          "transformationType": {"x": 1}}}},
        {"fields": [1], "dataset": 3},
        {"fields": {}, "dataset": [{"namespace": "h", "name": "n", "transformations": True}]},
        {"inputs": 5, "fields": {"a": {"inputs": 3}}},
        {"inputs": [{"namespace": "h", "name": "n", "transformations": 1}]},
        {"entries": [{"namespace": "h", "name": "n", "inputs": 7}, 3, None]},
        {"identifiers": 3}, {"identifiers": [3, None, {"name": 1}]},
        {"lifecycleStateChange": ["DROP"]},
        {"lifecycleStateChange": "DROP", "previousIdentifier": 1},
        {"owners": 5}, {"owners": {"name": "x"}}, {"owners": [3]}, {"owners": [{"name": [1]}]},
        {"tags": 3}, {"tags": [3]}, {"tags": [{"key": [], "value": {}}]},
        {"datasetVersion": {"a": 1}}, {"rowCount": "many", "size": True},
        {"assertions": {"a": 1}}, {"assertions": [{"assertion": "x", "success": "no"}]},
        {"run": 3, "job": [1]}, {"run": {"runId": []}, "job": {"namespace": "a", "name": {}}},
        {"fields": {"name": "x"}},
        {"fields": [{"name": "x", "fields": [{"name": "y", "fields": 3}]}]},
        {"description": {"a": 1}}, {"message": [1], "stackTrace": {"a": 1}}, {"query": {"q": 1}},
        {"write_mode": [1], "purpose": 3, "license": {"a": 1}, "columns": 5},
        {"bases": {"a": 1}, "legal_basis": [3]}, {"bases": [{"a": 1}, "", 3]},
    ],
)  # fmt: skip
def test_i11_facets_of_any_form_stop_nothing(hostile: Hostile, facet: dict[str, Any]) -> None:
    base = {"_producer": "https://example.org/x", "_schemaURL": "https://example.org/x.json"}
    names = (
        "schema", "columnLineage", "lineage", "symlinks", "lifecycleStateChange", "ownership",
        "tags", "version", "documentation", "dataQualityAssertions", "dataQualityMetrics",
        "inputStatistics", "outputStatistics", "parent", "nominalTime", "errorMessage", "sql",
        "tracehold_license", "tracehold_provenance", "tracehold_terms", "tracehold_retention",
        "tracehold_pii", "tracehold_model", "tracehold_training", "tracehold_erasure",
        "tracehold_deidentification", "tracehold_retentionDue", "tracehold_legalBasis",
    )  # fmt: skip
    before = hostile.stuck()
    facets = dict.fromkeys(names, base | facet)
    dataset = {"namespace": "hostile", "name": f"any {json.dumps(facet)}"[:60], "facets": facets}
    sent = event(
        job=job(name="any form", facets=facets),
        inputs=[dataset | {"name": "any in", "inputFacets": facets}],
        outputs=[dataset | {"outputFacets": facets}],
    )
    sent["run"]["facets"] = facets
    hostile.take(sent)
    stuck = hostile.stuck()
    assert [one for one in stuck if one not in before and one[1] != "wiring"] == []
    hostile.ask("trace", ref=f"dataset:[hostile]{quoted(dataset['name'])}", direction="up")


def quoted(name: str) -> str:
    """A name as a part of a reference."""
    return re.sub(r"[%\[\]@#/]", lambda found: f"%{ord(found[0]):02X}", name)


# I12. Secrets and personal data


def test_i12_what_is_secret_or_personal_is_nowhere_in_clear(
    hostile: Hostile, tmp_path: Path
) -> None:
    canary, mail = "c4n4rys3cr3t", "canary.person@example.org"
    facets = {
        "errorMessage": {"message": f"no {mail} {canary}", "stackTrace": f"E: {canary}\n at a.b"},
        "environmentVariables": {"environmentVariables": [{"name": "PASS", "value": canary}]},
        "executionParameters": {"parameters": [{"key": "k", "value": canary}]},
        "acme": {"note": f"ask {mail}", "password": canary, "url": f"jdbc:x://u:{canary}@h/db"},
    }
    sql = {"query": f"select '{mail}' from t where token = '{canary}' -- {mail}"}
    sent = event(job=job(name="secretive", facets={"sql": sql}), note=f"{mail} token={canary}")
    sent["run"]["facets"] = facets
    fact = hostile.take(sent)
    assert len(fact["masked"]) >= 8
    hostile.settled()
    given = json.dumps([fact, hostile.ask("findings"), hostile.ask("job", ref="job:secretive")])
    exported = tmp_path / "facts.jsonl"
    assert run("journal", "export", exported, workspace=hostile.server.workspace).returncode == 0
    kept = [exported, *(path for path in hostile.data.rglob("*") if path.is_file())]
    assert {"state.db", "journal.db", "server.log"} <= {
        re.sub(r"-.*", "", p.name) for p in kept
    } | {p.name for p in kept}
    metrics = hostile.client.get("/metrics")[1].decode()
    for word in (canary, mail):
        assert word not in given
        assert word not in metrics
        for path in kept:
            assert word.encode() not in path.read_bytes(), path
    refused = hostile.refuse(f'{{"job": "{canary}"'.encode(), 400, "not-an-event")
    assert canary not in json.dumps(refused)
    assert canary not in "".join(hostile.server.said)


# I13. Strings that are code elsewhere

CODE = (
    "__proto__", "constructor.prototype", "{{7*7}}", "${7*7}", "{% for x in y %}", "<%= 7*7 %>",
    "'; drop table node; --", '" or 1=1 --', "}) DETACH DELETE n //", "$param", "n`) DELETE n",
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)",
    "=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-2+3", "\x1b[31mred\x1b[0m", "%s%n%x", "a]-->|x|b",
    'x"]; click x "javascript:alert(1)"', "../../etc/passwd", "file:///etc/passwd", "\u2028",
)  # fmt: skip


def test_i13_strings_that_are_code_elsewhere_are_inert_here(hostile: Hostile) -> None:
    base = {"_producer": "https://example.org/x", "_schemaURL": "https://example.org/x.json"}
    before = hostile.ask("datasets")["count"]
    for number, text in enumerate(CODE):
        dataset = named(text, namespace="code")[0]
        dataset["facets"] = {
            "schema": base | {"fields": [{"name": text, "type": text, "description": text}]},
            "documentation": base | {"description": text},
            "ownership": base | {"owners": [{"name": text, "type": text}]},
            "tags": base | {"tags": [{"key": text, "value": text}]},
            text: base | {text: text},
        }
        hostile.take(
            event(
                job=job(name=f"{text} {number}", facets={"sql": base | {"query": text}}),
                inputs=[dataset],
                outputs=named(f"code {number}"),
            )
        )
    assert hostile.ask("datasets")["count"] == before + 2 * len(CODE)
    for number, text in enumerate(CODE):
        ref = f"dataset:[hostile]code {number}"
        traced = hostile.ask("trace", ref=ref, direction="up")
        (source,) = (one for one in traced["nodes"] if one.get("name") == text)
        page = hostile.client.get(f"/datasets/{source['key']}")[1].decode()
        listing = hostile.client.get("/datasets?text=" + "code")[1].decode()
        for html in (page, listing):
            assert "<script>alert" not in html
            assert "<img src=x" not in html
            assert 'href="javascript:' not in html
    inputs = named(*CODE, namespace="code")
    hostile.take(event(job=job(name="code all"), inputs=inputs, outputs=named("code all")))
    hostile.settled()
    for form in ("text", "mermaid"):
        words = ("trace", "dataset:[hostile]code all", "--format", form)
        drawn = run(*words, workspace=hostile.server.workspace)
        assert drawn.returncode == 0, drawn.stderr
        assert "\x1b" not in drawn.stdout
        if form == "mermaid":
            assert "\nclick" not in drawn.stdout
            assert '"]; click' not in drawn.stdout
    assert hostile.stuck() == [one for one in hostile.stuck() if one[1] == "wiring"]


def test_i13_a_machine_of_one_namespace_may_send_odd_members_too(hostile: Hostile) -> None:
    words = ("user", "add", "narrow", "--role", "producer", "--namespace", "hostile")
    added = run(*words, "--show-token", "--json", workspace=hostile.server.workspace)
    token = json.loads(added.stdout)["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    for dataset in (3, None, [], {"namespace": 7}, {"namespace": "other", "name": "x"}):
        status, told = hostile.post(event(dataset=dataset), **bearer)
        assert status == 201, told
    elsewhere = {"namespace": "other", "name": "x"}
    bare = {name: value for name, value in event(dataset=elsewhere).items() if name != "job"}
    for refused in (bare, event(job=elsewhere), event(job=elsewhere, dataset=job())):
        hostile.refuse(refused, 403, "denied", **bearer)
