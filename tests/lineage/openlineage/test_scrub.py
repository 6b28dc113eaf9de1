"""What is masked in which facet, what is found about a facet, and what the cache does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounds import rounds

from lineage.openlineage import scrub
from lineage.openlineage.errors import NotAnEvent, TooDeep
from lineage.openlineage.scrub import DEPTH_LIMIT, LexicalScrubber

MAIL, MASKED = "jane@example.org", "[e-mail]"
BASE = {"_producer": "https://example.org/p", "_schemaURL": "https://example.org/F.json"}


def cleaned(facet: str, value: Any) -> Any:
    return json.loads(bytes(LexicalScrubber().clean(facet, json.dumps(value).encode()).value))


def findings(facet: str, value: Any) -> tuple[tuple[str, str], ...]:
    return LexicalScrubber().clean(facet, json.dumps(value).encode()).findings


@pytest.mark.parametrize(
    ("facet", "value", "kept"),
    [
        # names of the standard stay, free text in them does not
        ("schema", {"fields": [{"name": MAIL, "description": MAIL}]},
         {"fields": [{"name": MAIL, "description": MASKED}]}),
        ("dataQualityAssertions", {"assertions": [{"expected": MAIL, "column": MAIL}]},
         {"assertions": [{"expected": MASKED, "column": MAIL}]}),
        ("dataQualityAssertions", {"actual": [MAIL, [MAIL]], "content": MAIL},
         {"actual": [MASKED, [MASKED]], "content": MASKED}),
        ("tracehold_license", {"message": MAIL, "x": {"y": MAIL, "errorMessage": MAIL}},
         {"message": MASKED, "x": {"y": MAIL, "errorMessage": MASKED}}),
        ("symlinks", MAIL, MAIL),
        # statements, sources, errors, values
        ("sql", {"query": "select 'a'", "dialect": MAIL}, {"query": "select ?", "dialect": MASKED}),
        ("sourceCode", {"sourceCode": f"# {MAIL}", "_x": MAIL, "language": "py"},
         {"sourceCode": f"# {MASKED}", "_x": MAIL, "language": "py"}),
        ("errorMessage", {"message": "E: x", "stackTrace": "no", "programmingLanguage": MAIL},
         {"message": "[4 characters masked]", "stackTrace": "[2 characters masked]",
          "programmingLanguage": MASKED}),
        ("extractionError", {"errors": [{"errorMessage": "no", "task": MAIL, "taskNumber": 7}]},
         {"errors": [{"errorMessage": "[2 characters masked]", "task": MASKED, "taskNumber": 7}]}),
        ("environmentVariables", {"v": [{"name": "N", "value": "x"}, {"value": None}]},
         {"v": [{"name": "N", "value": "[masked]"}, {"value": None}]}),
        ("executionParameters", {"v": [{"value": 7}, {"value": True}, {"key": 7}]},
         {"v": [{"value": "[masked]"}, {"value": "[masked]"}, {"key": 7}]}),
        # facets of others
        ("acme", {"note": MAIL, "n": [MAIL, 1, None, True], "value": 7, "_producer": MAIL},
         {"note": MASKED, "n": [MASKED, 1, None, True], "value": 7, "_producer": MAIL}),
        ("acme", {"dbPassword": "x", "API_KEY": "y", "accessKeyId": "z", "keys": "k"},
         {"dbPassword": "[credential]", "API_KEY": "[credential]",
          "accessKeyId": "[credential]", "keys": "k"}),
        ("acme", {"secrets": {"db": "x", "more": [{"y": "z"}], "port": 1}, "rest": {"db": "x"}},
         {"secrets": {"db": "[credential]", "more": [{"y": "[credential]"}], "port": 1},
          "rest": {"db": "x"}}),
        ("acme", {"tokens": 7, "passwords": ["a", "b"]},
         {"tokens": 7, "passwords": ["[credential]", "[credential]"]}),
    ],
)  # fmt: skip
def test_what_is_masked(facet: str, value: Any, kept: Any) -> None:
    assert cleaned(facet, value) == kept


@pytest.mark.parametrize("facet", ["schema", "tracehold_x", "acme", "sql"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_levels_are_limited_in_every_facet(facet: str, opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(levels: int) -> bytes:
        return (opening * levels + "1" + closing * levels).encode()

    LexicalScrubber().clean(facet, nested(DEPTH_LIMIT))
    with pytest.raises(TooDeep) as caught:
        LexicalScrubber().clean(facet, nested(DEPTH_LIMIT + 1))
    assert str(DEPTH_LIMIT) in caught.value.advice


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (BASE, []),
        (None, ["facet-null"]),
        (3, ["facet-not-an-object"]),
        ([], ["facet-not-an-object"]),
        ({}, ["facet-without-producer", "facet-without-schema-url"]),
        (BASE | {"_producer": 3}, ["facet-without-producer"]),
        (BASE | {"_producer": "x"}, ["facet-producer-no-uri"]),
        (BASE | {"_schemaURL": "x"}, ["facet-schema-url-no-uri"]),
        (BASE | {"_deleted": True}, []),
        (BASE | {"_deleted": None}, ["facet-deleted-not-boolean"]),
        (BASE | {"_deleted": 0}, ["facet-deleted-not-boolean"]),
    ],
)
def test_what_is_found_about_a_facet(value: Any, found: list[str]) -> None:
    assert findings("x", value) == tuple((code, "") for code in found)
    assert findings("", value) == ()


def test_what_a_facet_breaks_is_found_with_its_place_before_it_is_masked() -> None:
    url = "https://openlineage.io/spec/facets/1-0-0/EnvironmentVariablesRunFacet.json"
    value = BASE | {"_schemaURL": url, "environmentVariables": [{"name": "N", "value": 7}]}
    assert findings("environmentVariables", value) == (
        ("facet-off-schema", "/environmentVariables/*/value"),
    )


def test_members_are_stored_in_one_order() -> None:
    one = LexicalScrubber().clean("x", b'{"b":1,"a":{"d":1,"c":2}}')
    assert bytes(one.value) == b'{"a":{"c":2,"d":1},"b":1}'


def test_bytes_that_are_no_json_are_refused_with_the_facet() -> None:
    with pytest.raises(NotAnEvent) as caught:
        LexicalScrubber().clean("acme", b"{")
    assert caught.value.where == "facet acme"
    with pytest.raises(NotAnEvent) as caught:
        LexicalScrubber().clean("", b"NaN")
    assert caught.value.where == ""
    assert "NaN" in caught.value.advice


def test_the_same_facet_is_scrubbed_once_and_a_full_cache_starts_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scrubber = LexicalScrubber()
    first = scrubber.clean("x", b'{"a":1}')
    assert scrubber.clean("x", b'{"a":1}') is first
    assert scrubber.clean("y", b'{"a":1}') is not first
    monkeypatch.setattr(scrub, "_CACHE_BYTES", 300)
    for number in range(5):
        scrubber.clean("x", b'{"a":%d}' % (number + 2))
        assert scrubber._held <= 800
    assert scrubber.clean("x", b'{"a":1}') is not first
    assert scrubber.clean("x", b'{"a":1}').value == first.value


def test_a_large_facet_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "_CACHED_FACET", 10)
    scrubber = LexicalScrubber()
    assert scrubber.clean("x", b'{"abcdefgh":1}') is not scrubber.clean("x", b'{"abcdefgh":1}')
    assert scrubber.clean("x", b'{"abcd":1}') is scrubber.clean("x", b'{"abcd":1}')


TEXTS = st.sampled_from(
    ["", "plain", MAIL, "DE89370400440532013000", "+49 170 1234567", "password=hunter2",
     "select 'x' from t", "java.lang.Error: boom", "é\u2028\"\\", "https://u:p@host/x"]
)  # fmt: skip
MEMBERS = st.sampled_from(
    ["a", "b", "é", "", "\U0001f600", "\uffff", "description", "message", "query", "value", "token",
     "stackTrace", "_producer", "_schemaURL", "_deleted", "passwords"]
)  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=25,
)
FACETS = st.sampled_from(
    ["", "acme", "sql", "schema", "errorMessage", "environmentVariables", "tracehold_x",
     "sourceCode", "columnLineage"]
)  # fmt: skip


@settings(max_examples=rounds(usual=300, campaign=100_000))
@given(FACETS, JSON, st.integers(0, 60))
def test_a_facet_taken_apart_is_the_facet_at_once(facet: str, value: Any, small: int) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode()
    whole = LexicalScrubber().clean(facet, raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scrub, "_LARGE", -1)
        patch.setattr(scrub, "_SMALL", small)
        pieces = LexicalScrubber().clean(facet, raw)
    assert bytes(pieces.value) == bytes(whole.value)
    assert pieces.findings == whole.findings


@pytest.mark.parametrize("facet", ["acme", "sql", "schema", "tracehold_x"])
def test_a_large_facet_is_limited_and_refused_like_a_small_one(facet: str) -> None:
    filling = b'"' + b"x" * 2_000_000 + b'"'
    for bad in (b"NaN", b'"\xff"', b'"\\ud800"', b"1e999", b"01", b"[1,]"):
        with pytest.raises(NotAnEvent):
            LexicalScrubber().clean(facet, b'{"a":[%b,{"b":%b}]}' % (filling, bad))
    deep = b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1)
    for form in (b'{"a":%b,"b":%b}' % (deep, filling), b'{"a":%b}' % (
        b"[" * DEPTH_LIMIT + filling + b"]" * DEPTH_LIMIT
    )):  # fmt: skip
        with pytest.raises(TooDeep):
            LexicalScrubber().clean(facet, form)
    fits = b"[" * (DEPTH_LIMIT - 1) + filling + b"]" * (DEPTH_LIMIT - 1)
    assert len(bytes(LexicalScrubber().clean(facet, b'{"a":%b}' % fits).value)) > 2_000_000


def test_a_large_facet_of_the_standard_is_judged_by_its_schema() -> None:
    schema = "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json"
    fields = [{"name": f"c{number}", "type": "TEXT" * 20} for number in range(20_000)]
    good = BASE | {"_schemaURL": schema, "fields": fields}
    assert findings("schema", good) == ()
    assert findings("schema", good | {"fields": [*fields, {"type": "TEXT"}]}) == (
        ("facet-off-schema", "/fields/*/name"),
    )
