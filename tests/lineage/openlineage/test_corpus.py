"""The public corpus: every event accepted, given back, flagged where it breaks the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import World, draft, run_event

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
pytestmark = pytest.mark.corpus

if not CORPUS.is_dir():
    pytest.skip("../shared/corpus is not here", allow_module_level=True)

COMPAT = sorted((CORPUS / "compat").glob("**/events/*.json"))
MARQUEZ = sorted((CORPUS / "marquez").glob("**/open_lineage/**/*.json"))
FRAGMENTS = sorted((CORPUS / "spec" / "spec" / "tests").glob("**/*.json"))


def name_of(path: Path) -> str:
    return "/".join(path.parts[-3:])


def differences(sent: Any, kept: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Scalars that differ between two JSON values; differing structure counts as well."""
    if isinstance(sent, dict) and isinstance(kept, dict) and sent.keys() == kept.keys():
        for key in sent:
            yield from differences(sent[key], kept[key], f"{path}/{key}")
    elif isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        for number, (one, other) in enumerate(zip(sent, kept, strict=True)):
            yield from differences(one, other, f"{path}/{number}")
    elif sent != kept:
        yield path, sent, kept


def check_given_back(event: Any, raw: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(draft(raw).body)
    for path, sent, kept in differences(event, body["event"]):
        assert isinstance(sent, str), path
        assert isinstance(kept, str), path
        assert any(mark in kept for mark in ("[", "?", "/* */")), (path, sent, kept)
    return body


@pytest.mark.parametrize("path", COMPAT + MARQUEZ, ids=name_of)
def test_an_event_is_kept_equal_but_for_what_is_scrubbed(path: Path, tmp_path: Path) -> None:
    raw = path.read_bytes()
    check_given_back(json.loads(raw), raw)
    world = World(tmp_path).send(raw, raw)
    assert world.state.stuck() == []
    assert world.state.position() == 2
    world.close()


@pytest.mark.parametrize("path", FRAGMENTS, ids=name_of)
def test_an_example_facet_is_kept_equal(path: Path, tmp_path: Path) -> None:
    fragment = json.loads(path.read_bytes())
    event = fragment
    if "eventTime" not in fragment:
        event = run_event("COMPLETE", 1, inputs=["a"], outputs=["b"])
        for part in (event["run"], event["job"], event["inputs"][0], event["outputs"][0]):
            part["facets"] = fragment
        event["inputs"][0]["inputFacets"] = event["outputs"][0]["outputFacets"] = fragment
    raw = json.dumps(event).encode()
    check_given_back(event, raw)
    world = World(tmp_path).send(raw)
    assert world.state.stuck() == []
    world.close()


def test_the_corpus_is_whole() -> None:
    assert (len(COMPAT), len(MARQUEZ), len(FRAGMENTS)) == (74, 15, 47)


def test_the_one_run_id_of_the_compatibility_tests_that_is_no_uuid_is_flagged() -> None:
    flagged = {
        path.parent.parent.name
        for path in COMPAT
        for finding in json.loads(draft(path.read_bytes()).body)["findings"]
        if finding["code"] == "run-id-not-a-uuid"
    }
    assert flagged == {"simple_run_event"}


def test_the_whole_corpus_folds_to_one_state_in_any_order(tmp_path: Path) -> None:
    events = [path.read_bytes() for path in COMPAT + MARQUEZ]
    forward = World(tmp_path).send(*events)
    backward = World(tmp_path).send(*reversed(events), batch=7)
    assert forward.state.digest() == backward.state.digest()
    assert forward.state.count("Dataset") > 20
    forward.close()
    backward.close()
