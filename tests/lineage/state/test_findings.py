"""What is odd about events is listed per job and place, whatever the order."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

from openlineage_events import (
    NS,
    World,
    at,
    dataset,
    dataset_event,
    facet,
    facts_of,
    job_key,
    run_event,
    table,
)

from lineage.openlineage.codes import CODES

SOURCE = Path(__file__).resolve().parents[3] / "lineage" / "openlineage"


def odd(minutes: float, *names: str) -> dict[str, object]:
    """An event whose inputs of these names are without a namespace."""
    inputs = [{"name": name} for name in names]
    return run_event("COMPLETE", minutes) | {"inputs": [dataset("good"), *inputs]}


def rows(world: World) -> list[tuple[str, str, str, int, int, str]]:
    return [
        (row.owner, row.code, row.place, row.first, row.last, row.fact_id)
        for row in world.state.findings()
    ]


def test_findings_are_listed_by_job_code_and_place_without_numbers(tmp_path: Path) -> None:
    world = World(tmp_path).send(odd(3, "a", "b"), odd(1, "c"), run_event("COMPLETE", 9))
    assert rows(world) == [
        (job_key("job"), "dataset-without-name", "/inputs/*", at(1), at(3), "fact-000001")
    ]
    assert world.state.count_findings(["dataset-without-name"]) == (1, 1)
    assert world.state.count_findings(["time-missing"]) == (0, 0)
    world.close()


def test_what_is_known_of_one_place_does_not_hide_another(tmp_path: Path) -> None:
    both = odd(2, "a") | {"producer": 7}
    world = World(tmp_path).send(odd(1, "a"), odd(3, "a"), both)
    found = [(code, first, last) for _, code, _, first, last, _ in rows(world)]
    assert found == [("dataset-without-name", at(1), at(3)), ("producer-missing", at(2), at(2))]
    world.close()


def test_numbers_within_names_stay(tmp_path: Path) -> None:
    event = run_event("COMPLETE", 1, inputs=[dataset("a", **{"plan2": None, "7": None})])
    world = World(tmp_path).send(event)
    assert [row.place for row in world.state.findings()] == [
        "/inputs/*/facets/*",
        "/inputs/*/facets/plan2",
    ]
    world.close()


def test_a_dataset_event_is_listed_with_its_dataset(tmp_path: Path) -> None:
    schema = facet("SchemaDatasetFacet", fields=[{"type": "TEXT"}])
    world = World(tmp_path).send(dataset_event(2, dataset("t", schema=schema)))
    (row,) = world.state.findings(table("t"))
    assert (row.code, row.place) == ("facet-off-schema", "/dataset/facets/schema/fields/*/name")
    assert world.state.findings("nobody") == []
    world.close()


def test_pages_follow_each_other(tmp_path: Path) -> None:
    events = [odd(1, "a") | {"job": {"namespace": NS, "name": f"j{n}"}} for n in range(5)]
    world = World(tmp_path).send(*(event | {"eventTime": None} for event in events))
    every = world.state.findings()
    assert len(every) == 10
    first = world.state.findings(limit=4)
    last = (first[-1].owner, first[-1].code, first[-1].place)
    assert first + world.state.findings(after=last) == every
    world.close()


def test_order_and_repetition_give_one_list_and_one_digest(tmp_path: Path) -> None:
    events = [odd(3, "a"), odd(1, "b"), odd(2, "c"), odd(2, "d")]
    seen = set()
    for order in itertools.permutations(events):
        world = World(tmp_path).send(*order, *order[:2], batch=2)
        found = [row[:5] for row in rows(world)]
        seen.add((world.state.digest(), *found))
        world.close()
    assert len(seen) == 1


def test_findings_of_a_sender_are_those_its_own_events_had(tmp_path: Path) -> None:
    """Also where another's event is the latest, and so the one that is cited."""
    events = [(odd(1, "a"), "one"), (odd(2, "b"), "two"), (odd(3, "c") | {"producer": 7}, "two")]
    digests = set()
    for order in itertools.permutations(events):
        world = World(tmp_path)
        facts = facts_of(event for event, _ in order)
        senders = [sender for _, sender in order]
        world.journal.facts = [
            replace(fact, actor=sender) for fact, sender in zip(facts, senders, strict=True)
        ]
        world.folder.catch_up(1)
        of = {who: world.state.findings(sender=who) for who in ("one", "two", "three")}
        assert [(row.code, row.actor) for row in of["one"]] == [("dataset-without-name", "two")]
        assert of["two"] == world.state.findings()
        assert of["three"] == []
        last = (of["two"][0].owner, of["two"][0].code, of["two"][0].place)
        assert world.state.findings(sender="two", after=last) == of["two"][1:]
        assert world.state.findings("nobody", sender="two") == []
        digests.add(world.state.digest())
        world.close()
    assert len(digests) == 1


def test_an_event_with_very_many_findings_lists_some(tmp_path: Path) -> None:
    event = run_event("COMPLETE", 1)
    event["run"]["facets"] = {f"f{number:05d}": None for number in range(5_000)}
    world = World(tmp_path).send(event)
    found = world.state.findings(limit=1000)
    assert len(found) == 100
    assert {row.code for row in found} == {"facet-null"}
    world.close()


def test_every_code_that_is_given_is_in_the_table_and_every_one_there_is_given() -> None:
    given = set()
    for name in ("read.py", "scrub.py", "times.py"):
        text = (SOURCE / name).read_text("utf-8")
        given |= set(re.findall(r'"((?:[a-z]+-)+[a-z]+)"', text))
    for lead in ("schema-url", "producer"):
        given |= {f"{lead}-missing", f"{lead}-no-uri"}
        given |= {f"facet-without-{lead}", f"facet-{lead}-no-uri"}
    assert set(CODES) == given & set(CODES)
    assert {code for code in given if code not in CODES} <= {"schema-url", "openlineage-received"}
