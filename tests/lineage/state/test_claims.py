"""What the wiring facets claim, exactly; and the corners of registry, native facts and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from openlineage_events import IDENTITY, NS, World, dataset_event, facet, run_event, table

from lineage.errors import Fault, InvalidInput
from lineage.facts import Entity, FacetReader, Fact, FactType, FoldContext, Point
from lineage.state.claims import Claims, ColumnClaim, column_claims, explicit_claims, job_entries
from lineage.state.native import Stuck, points_of
from lineage.state.registry import Registry
from lineage.trace.names import reference_text

DIRECT = {"type": "DIRECT", "subtype": "IDENTITY", "masking": False}
MASKED = {"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}
INDIRECT = {"type": "INDIRECT", "subtype": "JOIN", "masking": True}


def item(name: str, field: str | None = None, *transformations: Any, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"namespace": "n", "name": name, **more}
    if field is not None:
        made["field"] = field
    if transformations:
        made["transformations"] = list(transformations)
    return made


def plain(claims: Claims | None) -> Any:
    """Claims as they compare."""
    if claims is None:
        return None
    columns = {
        (source[1], source[2], own): (claim.direct, claim.masking, sorted(claim.subtypes))
        for (source, own), claim in claims.columns.items()
    }
    return claims.kind, columns, sorted(claims.sources), sorted(claims.indirect)


def columns_of(facet: Any) -> Any:
    return plain(column_claims(facet))


@pytest.mark.parametrize(
    ("transformations", "legacy", "outcome"),
    [
        ([], None, (True, None, [])),
        ([], "MASKED", (True, True, ["MASKED"])),
        ([], "IDENTITY", (True, None, ["IDENTITY"])),
        ([], "", (True, None, [])),
        ([], 3, (True, None, [])),
        (None, None, (True, None, [])),
        (3, None, (True, None, [])),
        ([3, None], None, (True, None, [])),
        ([DIRECT], "MASKED", (True, False, ["IDENTITY"])),
        ([MASKED], None, (True, True, ["TRANSFORMATION"])),
        ([DIRECT, MASKED], None, (True, False, ["IDENTITY", "TRANSFORMATION"])),
        ([MASKED, {"type": "DIRECT"}], None, (True, None, ["TRANSFORMATION"])),
        ([{"type": "DIRECT", "masking": "yes", "subtype": ""}], None, (True, None, [])),
        ([{"subtype": 3}], None, (True, None, [])),
        ([INDIRECT], None, (False, None, ["JOIN"])),
        ([INDIRECT, MASKED], None, (True, True, ["JOIN", "TRANSFORMATION"])),
    ],
)
def test_how_a_column_reaches_another(transformations: Any, legacy: Any, outcome: Any) -> None:
    claim = ColumnClaim()
    claim.add(transformations, legacy)
    assert (claim.direct, claim.masking, sorted(claim.subtypes)) == outcome
    facet = {
        "fields": {
            "o": {
                "inputFields": [item("a", "x") | {"transformations": transformations}],
                "transformationType": legacy,
            }
        }
    }
    assert columns_of(facet) == ("columns", {("a", "x", "o"): outcome}, [], [])


def test_a_column_named_twice_sums_up() -> None:
    facet = {"fields": {"o": {"inputFields": [item("a", "x", MASKED), item("a", "x", DIRECT)]}}}
    assert columns_of(facet) == (
        "columns", {("a", "x", "o"): (True, False, ["IDENTITY", "TRANSFORMATION"])}, [], [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facet", "claims"),
    [
        ({}, None),
        ({"fields": {}}, None),
        ({"fields": {"o": {"inputFields": []}}}, None),
        (3, None),
        ({"fields": {"o": 3, "p": {"inputFields": [item("a")]}}},
         ("columns", {}, [("n", "a")], [])),
        ({"fields": {"o": {"inputFields": [{"name": "a"}, {"namespace": "n", "name": ""}, 3,
                                           item("a", "")]}}}, ("columns", {}, [("n", "a")], [])),
        ({"dataset": [3, item("a", "x", INDIRECT), item("b", "x", DIRECT), item("c"),
                      item("d", None, INDIRECT, DIRECT), item("e", None, 3)]},
         ("columns", {}, [("n", "b"), ("n", "c"), ("n", "d"), ("n", "e")], [("n", "a")])),
    ],
)  # fmt: skip
def test_claims_of_column_lineage(facet: Any, claims: Any) -> None:
    assert columns_of(facet) == claims


@pytest.mark.parametrize(
    ("facet", "claims"),
    [
        ({}, None),
        (None, None),
        ({"inputs": []}, ("declared", {}, [], [])),
        ({"fields": {}}, ("declared", {}, [], [])),
        ({"inputs": [3, item("a"), item("j", type="JOB"), item("b", "x"), item("c", None, INDIRECT),
                     item("d", type="DATASET")]},
         ("declared", {}, [("n", "a"), ("n", "d")], [("n", "b"), ("n", "c")])),
        ({"fields": {"p": 3, "o": {"inputs": [3, item("j", "x", type="JOB"), item("a", "x", MASKED),
                                              item("b")]}}},
         ("declared", {("a", "x", "o"): (True, True, ["TRANSFORMATION"])}, [("n", "b")], [])),
    ],
)  # fmt: skip
def test_claims_of_explicit_lineage(facet: Any, claims: Any) -> None:
    assert plain(explicit_claims(facet)) == claims


def test_claims_of_a_job_by_target() -> None:
    facet = {
        "entries": [
            3,
            {"name": "x"},
            item("t", type="JOB", inputs=[item("z")]),
            item("nothing", type="DATASET"),
            item("o", type="DATASET", inputs=[item("a")]),
            item("p", inputs=[]),
        ]
    }
    found = {name: plain(claims) for name, claims in job_entries(facet).items()}
    assert found == {
        ("n", "o"): ("declared", {}, [("n", "a")], []),
        ("n", "p"): ("declared", {}, [], []),
    }
    assert job_entries(3) == job_entries({}) == {}


class Body(msgspec.Struct, frozen=True):
    name: str


def kind_of(points: Any) -> Registry:
    return Registry([FactType("test.body/1", Body, points)])


@pytest.mark.parametrize(
    ("body", "error", "cause"),
    [
        (b'{"name":3}', None, "body does not fit its kind"),
        (b"{", None, "body does not fit its kind"),
        (b'{"name":"a"}', InvalidInput("x"), "the fold of its kind failed: InvalidInput"),
        (b'{"name":"a"}', ZeroDivisionError(), "the fold of its kind failed: ZeroDivisionError"),
        (b'{"name":"a"}', AttributeError(), "the fold of its kind failed: AttributeError"),
        (b'{"name":"a"}', KeyError("jane"), "the fold of its kind failed: KeyError"),
        (b'{"name":"a"}', TypeError(), "the fold of its kind failed: TypeError"),
        (b'{"name":"a"}', ValueError("jane"), "the fold of its kind failed: ValueError"),
    ],
)
def test_a_native_fact_that_cannot_be_folded_is_named(body: bytes, error: Any, cause: str) -> None:
    def points(*_: object) -> list[Point]:
        raise error

    fact = Fact(1, "f", "test.body/1", "p", None, 1, 0, body)
    assert points_of(fact, kind_of(points), FoldContext(IDENTITY)) == Stuck(cause)


def test_a_mistake_of_another_kind_is_not_hidden() -> None:
    def points(*_: object) -> list[Point]:
        raise MemoryError

    fact = Fact(1, "f", "test.body/1", "p", None, 1, 0, b'{"name":"a"}')
    with pytest.raises(MemoryError):
        points_of(fact, kind_of(points), FoldContext(IDENTITY))


def test_a_fact_holds_when_it_says_or_else_since_it_was_recorded() -> None:
    said = Fact(1, "f", "k/1", "p", None, 0, 7, None)
    assert said.when == 0
    assert Fact(1, "f", "k/1", "p", None, None, 7, None).when == 7


def test_a_facet_is_read_into_an_aspect_once() -> None:
    reader = FacetReader("acme", "acme")
    with pytest.raises(Fault, match="twice"):
        Registry(facets=[reader, reader])
    Registry(facets=[reader, FacetReader("acme", "other"), FacetReader("acme", "acme", "job")])


def test_what_a_run_alone_says_is_an_aspect_of_the_run(tmp_path: Path) -> None:
    event = run_event("FAIL", 1, outputs=["o"])
    event["run"]["facets"]["errorMessage"] = facet(
        "ErrorMessageRunFacet", message="a.B.CError: x", programmingLanguage="JAVA"
    )
    world = World(tmp_path).send(event)
    (run,) = world.state.runs()
    (value,) = world.state.aspects([run.key], ["error"])[run.key]["error"]
    assert value.value["message"] == "a.B.CError: [3 characters masked]"
    assert run.facets["errorMessage"]["programmingLanguage"] == "JAVA"
    world.close()


def test_a_facet_that_varies_on_a_job_and_on_a_dataset_belongs_to_them(tmp_path: Path) -> None:
    readers = [
        FacetReader("acme", "acme", "job", varies=True),
        FacetReader("acme", "acme", "dataset", varies=True),
        FacetReader("acme", "acme", "run"),
    ]
    world = World(tmp_path, Registry(facets=readers))
    event = run_event("COMPLETE", 1, inputs=["i"], outputs=["o"])
    for number, part in enumerate((event["job"], event["run"], event["inputs"][0])):
        part["facets"]["acme"] = facet("Acme", n=number)
    event["outputs"] += [{"namespace": NS, "name": "o", "facets": {"acme": facet("Acme", n=7)}}]
    subject = {"namespace": NS, "name": "d", "facets": {"acme": facet("Acme", n=8)}}
    world.send(event, dataset_event(2, subject))
    said = {
        reference_text(world.state.node(key), key).partition(":")[0]
        + ":" + str(world.state.node(key).props["name"]): values[0].value["n"]
        for key, values in world.state.with_aspect("acme").items()
    }  # fmt: skip
    run_id = event["run"]["runId"]
    assert said == {
        "job:job": 0, f"run:{run_id}": 1, "dataset:i": 2, "dataset:o": 7, "dataset:d": 8,
    }  # fmt: skip
    assert Entity("Dataset", (NS, "o")).key(IDENTITY) == table("o")
    world.close()
