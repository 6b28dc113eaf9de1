"""Facts of older versions are read as today's; what no version can read is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from openlineage_events import IDENTITY, ListedJournal, run_event

from lineage.errors import Fault
from lineage.facts import Entity, Fact, FactType, Json, Point, Upcast
from lineage.openlineage import read
from lineage.state import folding, registry
from lineage.state.advance import Folder
from lineage.state.erasures import MISSING
from lineage.state.registry import Registry
from lineage.state.store import open_state


class Weighed(msgspec.Struct, frozen=True, tag="test.weighed/3", tag_field="kind"):
    name: str
    grams: int
    scale: str


def _points(fact: Fact, body: Weighed, _: object) -> list[Point]:
    entity = Entity("Dataset", ("warehouse", body.name))
    return [Point(entity, "weight", {"grams": body.grams, "scale": body.scale}, time=fact.when)]


def _grams(body: Json) -> Json:
    """Version 1 had kilograms."""
    return {"name": body["name"], "grams": round(body["kilograms"] * 1000)}


def _scale(body: Json) -> Json:
    """Version 2 did not say which scale."""
    return {"kind": "test.weighed/3", **body, "scale": "unknown"}


OLDER = (Upcast("test.weighed/1", _grams), Upcast("test.weighed/2", _scale))
WEIGHED = FactType.of(Weighed, _points, older=OLDER)


def fact(position: int, kind: str, body: Any) -> Fact:
    encoded = None if body is None else msgspec.json.encode(body)
    return Fact(position, f"fact-{position}", kind, "p", None, position, 0, encoded)


def folded(folder: Path, *facts: Fact) -> tuple[list[Any], list[Any]]:
    """The values of the aspect, oldest first, and what is stuck."""
    state = open_state(folder / "state.db")
    Folder(ListedJournal(facts), state, Registry([WEIGHED]), IDENTITY).catch_up()  # type: ignore[arg-type]
    key = Entity("Dataset", ("warehouse", "a")).key(IDENTITY)
    found = [value.value for value in state.history(key, "weight")]
    stuck = state.stuck()
    state.close()
    return found, stuck


def test_every_older_version_is_read_as_todays(tmp_path: Path) -> None:
    values, stuck = folded(
        tmp_path,
        fact(1, "test.weighed/1", {"name": "a", "kilograms": 1.5}),
        fact(2, "test.weighed/2", {"name": "a", "grams": 7}),
        fact(3, "test.weighed/3", {"kind": WEIGHED.kind, "name": "a", "grams": 8, "scale": "s"}),
    )
    assert values == [
        {"grams": 1500, "scale": "unknown"},
        {"grams": 7, "scale": "unknown"},
        {"grams": 8, "scale": "s"},
    ]
    assert stuck == []


@pytest.mark.parametrize(
    ("kind", "body", "cause"),
    [
        ("test.weighed/4", {"name": "a"}, "unknown kind"),
        ("test.unheard/1", {"name": "a"}, "unknown kind"),
        ("test.weighed/1", {"name": "a"}, "body does not fit its kind"),
        ("test.weighed/1", {"name": "a", "kilograms": None}, "body does not fit its kind"),
        # Fits today's version, and is still no body of the first.
        ("test.weighed/1", {"name": "a", "grams": 7, "scale": "s"}, "body does not fit its kind"),
        ("test.weighed/1", [], "body does not fit its kind"),
        ("test.weighed/2", {"grams": 1}, "body does not fit its kind"),
        ("test.weighed/1", None, MISSING),
    ],
)
def test_what_no_version_reads_stops_that_fact_alone_and_is_named(
    tmp_path: Path, kind: str, body: Any, cause: str
) -> None:
    good = fact(2, "test.weighed/2", {"name": "a", "grams": 7})
    values, stuck = folded(tmp_path, fact(1, kind, body), good)
    assert values == [{"grams": 7, "scale": "unknown"}]
    ((subject, said, named, position),) = stuck
    assert (subject, said, position) == ("fact-1", cause, 1)
    assert named.startswith("test.")


def test_bytes_that_are_no_json_are_named_too(tmp_path: Path) -> None:
    broken = Fact(1, "fact-1", "test.weighed/1", "p", None, 1, 0, b"{")
    assert folded(tmp_path, broken)[1][0][1] == "body does not fit its kind"


def test_a_version_is_declared_once() -> None:
    again = FactType("test.weighed/2", Weighed, _points)
    for facts in ([WEIGHED, again], [again, WEIGHED], [FactType(read.KIND, Weighed, _points)]):
        with pytest.raises(Fault, match="declared twice"):
            Registry(facts)
    for older in ((OLDER[0], OLDER[0]), (Upcast("test.weighed/3", _grams),)):
        with pytest.raises(Fault, match="declared twice"):
            Registry([FactType.of(Weighed, _points, older=older)])


def test_a_new_older_version_makes_another_fold_version() -> None:
    assert Registry([WEIGHED]).version != Registry([FactType.of(Weighed, _points)]).version


def test_received_events_can_get_a_new_version_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a later release would: events of version 0 kept the event under another name."""
    before = Upcast("openlineage.received/0", lambda body: {"event": body["said"], "findings": []})
    monkeypatch.setattr(registry, "RECEIVED_BEFORE", (before,))
    assert folding.KIND == read.KIND
    event = run_event("COMPLETE", 1, inputs=["a"], outputs=["b"])
    state = open_state(tmp_path / "state.db")
    facts = [fact(1, before.kind, {"said": event})]
    Folder(ListedJournal(facts), state, Registry(), IDENTITY).catch_up()  # type: ignore[arg-type]
    assert (state.count("Dataset"), state.count("Run"), state.stuck()) == (2, 1, [])
    state.close()
