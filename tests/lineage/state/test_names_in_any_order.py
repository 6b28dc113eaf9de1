"""Names, rules, drops and SQL in random histories: one state in any order and batches."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from choices import Choices, chosen
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import (
    IDENTITY,
    NS,
    ListedJournal,
    at,
    dataset,
    dataset_event,
    facet,
    facts_of,
    run_event,
)
from quick_states import quick_states
from rounds import rounds

from catalog.events import AliasDecided, AliasRuled, AliasRuleEnded, kind_of
from lineage.facts import Fact
from lineage.refs import DatasetRef
from lineage.state.known_at import replayed
from tracehold.registry import make_registry

REGISTRY = make_registry()
PLACES = (NS, "file://w1", "hive://m")
NAMES = ("/d/o", "/d/o/part-00000.csv", "/d/O", "/d/d/o", "/d/x.db/o", "x.o")
ANYWHERE = [(place, name) for place in PLACES for name in NAMES]
SHORT = ("x.o", "o")
FORMS = ("parts", "case", "host", "prefix", "table", "trusted")


def _minute(choices: Choices) -> int:
    return choices.below(10)


def _ports(choices: Choices, changes: tuple[str, ...]) -> list[dict[str, Any]]:
    found = []
    for place, name in choices.some(ANYWHERE, 2):
        one = dataset(name, change=choices.of(changes)) | {"namespace": place}
        for key in ("symlinks", "tracehold_proposedSymlinks"):
            if choices.yes():
                said = [(choices.of(PLACES), choices.of(SHORT)) for _ in range(choices.below(3))]
                identifiers = [{"namespace": ns, "name": n, "type": "T"} for ns, n in said]
                one["facets"][key] = facet("Symlinks", identifiers=identifiers)
        found.append(one)
    return found


def _event(choices: Choices) -> dict[str, Any]:
    outputs = _ports(choices, ("", "", "DROP", "DROP", "OVERWRITE"))
    if outputs and choices.below(6) == 5:
        return dataset_event(_minute(choices), outputs[0])
    made = run_event(
        choices.of(["COMPLETE", "COMPLETE", "START", "FAIL"]), _minute(choices),
        job=choices.of("ab"), run=choices.of("123"), inputs=_ports(choices, ("",)), outputs=outputs,
    )  # fmt: skip
    if choices.yes():
        text = choices.of(["INSERT INTO o SELECT * FROM p", "DROP TABLE o", "(", "x"])
        made["job"]["facets"]["sql"] = facet("SQLJobFacet", query=text)
    return made


def _decision(choices: Choices) -> Any:
    kind = choices.of(["rule", "rule", "end", "pair"])
    id_ = choices.of(["R1", "R2", "R3"])
    if kind == "end":
        return AliasRuleEnded(id_, "no")
    if kind == "pair":
        one, other = choices.of(ANYWHERE), (choices.of(PLACES), choices.of(SHORT))
        refs = [str(DatasetRef(*name)) for name in (one, other)]
        return AliasDecided(*refs, accepted=choices.yes(), reason="looked")
    return AliasRuled(
        id_, choices.of(FORMS), choices.of((*PLACES, "*")), "looked",  # type: ignore[arg-type]
        prefix=choices.of(["", "/d", "x."]),
        to_namespace=choices.of(["", *PLACES]),
        to_prefix=choices.of(["", "/d", "/d/d"]),
    )  # fmt: skip


def histories(choices: Choices) -> list[Fact]:
    facts = facts_of([_event(choices) for _ in range(choices.between(1, 6))])
    for body in [_decision(choices) for _ in range(choices.below(5))]:
        position = len(facts) + 1
        encoded = msgspec.json.encode(body, order="deterministic")
        moment = at(_minute(choices))
        facts.append(
            Fact(position, f"fact-{position}", kind_of(body), "officer", None, moment, 0, encoded)
        )
    return facts


def folded(facts: list[Fact], batch: int) -> Any:
    placed = [replace(fact, position=place) for place, fact in enumerate(facts, 1)]
    journal: Any = ListedJournal(placed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lineage.state.known_at.BATCH", batch)
        with replayed(journal, REGISTRY, IDENTITY, position=len(facts)) as known:
            db = known.state.connection()
            kept = [db.execute(query).fetchall() for query in KEPT]
            edges = sorted(map(repr, known.graph.all_edges()))
            nodes = sorted(map(repr, known.graph.all_nodes()))
            return edges, nodes, kept, known.state.digest()


KEPT = (
    "select * from alias_class order by 1, 2",
    "select entity_key, slot, since, actor from alias_waiting order by 1, 2",
    "select * from dropped order by 1",
    "select distinct entity_key, owner from shape_io where role = 'drop' order by 1, 2",
)


@settings(max_examples=rounds(usual=60, campaign=4_000), deadline=None)
@given(chosen(histories, size=250), st.integers(1, 4), st.randoms(use_true_random=True))
def test_names_come_out_alike(facts: list[Fact], batch: int, chance: random.Random) -> None:
    other = chance.sample(facts, len(facts))
    with quick_states():
        assert folded(facts, 100) == folded(other, batch)


def test_a_name_that_comes_with_another_rule_is_joined_to_those_that_lead_to_it() -> None:
    there, here = dataset("/d/o") | {"namespace": "file://w1"}, dataset("/d/d/o")
    written = facts_of(
        [run_event("COMPLETE", n, run=str(n), outputs=[one]) for n, one in enumerate([here, there])]
    )
    leads = AliasRuled("R2", "prefix", NS, "looked", prefix="/d", to_namespace="file://w1")
    beside = AliasRuled("R1", "parts", NS, "looked")
    ruled = [
        Fact(n, f"rule-{n}", kind_of(one), "officer", None, at(0), 0, msgspec.json.encode(one))
        for n, one in enumerate([leads, beside], 3)
    ]
    facts = [written[0], ruled[0], ruled[1], written[1]]
    assert "SAME_AS" in str(folded(facts, 100)[0])
    assert folded(facts, 2) == folded(facts, 100)
