"""Any bytes are taken or refused by name; what is taken is the same every time and folds."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import SCRUBBER, dataset, facet, run_event
from rounds import rounds

from lineage.errors import InvalidInput
from lineage.openlineage.codes import CODES
from lineage.openlineage.errors import NotAnEvent, TooDeep
from lineage.openlineage.forms.common import DATE_TIME, URI, UUID
from lineage.openlineage.masks import mask_error, mask_free_text, mask_sql, mask_stack
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from lineage.openlineage.standard import FORMS, breach
from lineage.openlineage.times import event_time
from lineage.openlineage.view import view

LIMIT = 1 << 20
EVENT = run_event(
    "COMPLETE", 1,
    inputs=[dataset("a", columns=["x"])],
    outputs=[dataset("b", columns=["y"], lineage={"y": ["a.x"]}, change="CREATE")],
)  # fmt: skip
EVENT["job"]["facets"]["sql"] = facet("SQLJobFacet", query="select 'x' from \"t\" -- y")
EVENT["run"]["facets"]["errorMessage"] = facet("ErrorMessageRunFacet", message="E: m")
GOOD = json.dumps(EVENT).encode()
TOKENS = st.sampled_from(
    [
        b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"-", b"0", b"1e9", b"1e999",
        b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"\x00", b"\xff", b"\xc3\x28", b"\xef\xbb\xbf",
        b'"a":1', b'"job":{}', b'"facets":null', b" ", b"\n", b"[" * 300, b'{"a":' * 300, b"9" * 50,
        b"'", b"--", b"/*", b"@x.y", b"\xe2\x80\xae", "\U0001f600".encode(), b"NaN", b"Infinity",
    ]
)  # fmt: skip


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A good event, cut, repeated and spliced."""
    raw = GOOD
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(len(raw), start + 60)))
        raw = raw[:start] + draw(TOKENS | st.just(b"") | st.just(raw[start:end] * 2)) + raw[end:]
    return raw


@settings(max_examples=rounds(usual=1_000, campaign=100_000))
@given(bent() | st.binary(max_size=200) | st.lists(TOKENS, max_size=12).map(b"".join))
def test_any_bytes_are_taken_or_refused_by_name(raw: bytes) -> None:
    try:
        made = receive(raw, actor="p", scrubber=SCRUBBER, max_bytes=LIMIT)
    except InvalidInput as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.http_status in (400, 413)
        assert refused.what
        return
    again = receive(raw, actor="p", scrubber=LexicalScrubber(), max_bytes=LIMIT)
    assert (again.body, again.valid_time) == (made.body, made.valid_time)
    stored = json.loads(made.body)
    assert {one["code"] for one in stored["findings"]} <= set(CODES)
    assert stored["event"].keys() == json.loads(raw).keys()
    taken = view(made.body)
    assert (taken.event.job is None) == ("job" not in stored["event"])
    assert len(taken.findings) == len(stored["findings"])


@pytest.mark.parametrize("mask", [mask_error, mask_free_text, mask_sql, mask_stack])
@given(text=st.text(max_size=300) | st.text("'\"`[]$-/*\\ aE.@:=19\n", max_size=120))
def test_masks_take_any_text(mask: object, text: str) -> None:
    assert isinstance(mask(text), str)  # type: ignore[operator]


@given(st.from_regex(DATE_TIME) | st.text(max_size=40) | st.floats() | st.integers() | st.none())
def test_any_time_is_read_or_flagged(value: object) -> None:
    millis, finding = event_time(value)
    assert finding is None or finding in CODES
    assert millis is not None or finding is not None


PLAIN = DATE_TIME.replace("[0-9]{4}", "(?:19[89][0-9]|20[0-9]{2})").replace("3[01]", "19")


@given(st.from_regex(PLAIN, fullmatch=True))
def test_a_time_of_rfc_3339_is_read(text: str) -> None:
    if text[8:10] <= "28":
        millis, finding = event_time(text)
        assert millis is not None
        assert finding is None


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (URI, ["a:b", "https://x/y?z#w", "urn:x"], ["", "x", ":x", "1a:b", "a b:c", "a:b c"]),
        (UUID, ["8a03e360-afe4-5d75-bd10-4C60E658EB43"], ["8a03e360", "{8a03e360-afe4}", ""]),
    ],
)
def test_formats(pattern: str, good: list[str], bad: list[str]) -> None:
    form = msgspec.defstruct("Form", [("x", msgspec_text(pattern))])
    for text in good:
        msgspec.convert({"x": text}, form)
    for text in (*bad, *(f"{one}\n" for one in good)):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"x": text}, form)


def msgspec_text(pattern: str) -> object:
    from typing import Annotated

    return Annotated[str, msgspec.Meta(pattern=pattern)]


def standard(name: str, version: str = "1-0-0", **members: object) -> dict[str, object]:
    url = f"https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": "a:b", "_schemaURL": url, **members}


@pytest.mark.parametrize(
    ("facet", "place"),
    [
        (standard("SQLJobFacet", query="q"), None),
        (standard("SQLJobFacet", query=1), "/query"),
        (standard("SQLJobFacet"), "/query"),
        (standard("SQLJobFacet", "2-0-0"), None),
        (standard("JobTypeJobFacet", "2-0-3"), "/processingType"),
        (standard("NobodysFacet", query=1), None),
        (standard("SchemaDatasetFacet", fields=[{"name": "a"}, {"type": "b"}]), "/fields/*/name"),
        (standard("TagsJobFacet", tags=[{"key": "a", "value": 1}]), "/tags/*/value"),
        (standard("LineageJobFacet", entries=[{"type": "JOB", "name": "a"}]), "/entries/*"),
        (standard("LineageJobFacet", entries=[{"type": "JOB"}]), None),
        ({"_schemaURL": 3}, None),
        ({}, None),
        ({"_schemaURL": "https://acme.example/spec/facets/1-0-0/SQLJobFacet.json"}, None),
        (
            {"_schemaURL": "https://raw.githubusercontent.com/OpenLineage/OpenLineage/main/spec/"
                           "OpenLineage.json#/definitions/SQLJobFacet"},
            "/query",
        ),
    ],
)  # fmt: skip
def test_a_breach_is_named_by_its_place(facet: dict[str, object], place: str | None) -> None:
    assert breach(facet) == place


def test_fields_within_fields_without_end_are_off_the_schema_or_too_deep() -> None:
    deep: dict[str, object] = {"name": "a"}
    for _ in range(3_000):
        deep = {"name": "a", "fields": [deep]}
    assert breach(standard("SchemaDatasetFacet", fields=[deep])) == ""
    assert len(FORMS) == 40


def test_an_error_that_is_only_a_class_stays() -> None:
    assert mask_error("java.io.IOException") == "java.io.IOException"


def test_a_scrubber_that_breaks_its_word_is_named() -> None:
    class Wrong:
        def clean(self, facet: str, raw: bytes) -> object:
            raise NotAnEvent("it holds text that is not JSON")

    with pytest.raises(NotAnEvent):
        receive(GOOD, actor="p", scrubber=Wrong(), max_bytes=LIMIT)  # type: ignore[arg-type]
    with pytest.raises(TooDeep):
        LexicalScrubber().clean("x", b"[" * 201 + b"]" * 201)
    assert LexicalScrubber().clean("x", b"[" * 200 + b"]" * 200).findings


def test_a_body_that_is_no_stored_event_is_refused() -> None:
    for body in (b"[]", b"{}", b'{"event":3}', b'{"event":[]}', b"{", b'{"event":{},"findings":3}'):
        with pytest.raises(ValueError, match=r"."):
            view(body)


def test_a_member_that_is_a_facet_elsewhere_is_scrubbed_and_not_judged() -> None:
    event = run_event("COMPLETE", 1)
    event["job"]["inputFacets"] = {"sql": {"query": "select 'jane'"}, "x": None}
    event["inputs"] = [{"namespace": "n", "name": "d", "outputFacets": {"x": 3}}]
    stored = json.loads(receive(json.dumps(event).encode(), actor="p", scrubber=SCRUBBER,
                                max_bytes=LIMIT).body)  # fmt: skip
    assert stored["findings"] == []
    assert stored["event"]["job"]["inputFacets"]["sql"]["query"] == "select ?"
