"""Names, rules, drops and SQL in random histories: one state in any order and batches."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest
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
from rounds import rounds

from catalog.events import AliasDecided, AliasRuled, AliasRuleEnded, kind_of
from lineage.facts import Fact
from lineage.refs import DatasetRef
from lineage.state.known_at import replayed
from tracehold.bootstrap import make_registry

REGISTRY = make_registry()
PLACES = (NS, "file://w1", "hive://m")
NAMES = ("/d/o", "/d/o/part-00000.csv", "/d/O", "/d/d/o", "/d/x.db/o", "x.o")
SHORT = ("x.o", "o")
FORMS = ("parts", "case", "host", "prefix", "table", "trusted")

minutes = st.integers(0, 9)
names = st.tuples(st.sampled_from(PLACES), st.sampled_from(NAMES))


@st.composite
def ports(draw: st.DrawFn, most: int, changes: tuple[str, ...]) -> list[dict[str, Any]]:
    found = []
    for place, name in draw(st.lists(names, max_size=most, unique=True)):
        one = dataset(name, change=draw(st.sampled_from(changes))) | {"namespace": place}
        for key in ("symlinks", "tracehold_proposedSymlinks"):
            if draw(st.booleans()):
                said = draw(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(SHORT)),
                                     max_size=2))  # fmt: skip
                identifiers = [{"namespace": ns, "name": n, "type": "T"} for ns, n in said]
                one["facets"][key] = facet("Symlinks", identifiers=identifiers)
        found.append(one)
    return found


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    outputs = draw(ports(2, ("", "", "DROP", "DROP", "OVERWRITE")))
    if outputs and draw(st.integers(0, 5)) == 0:
        return dataset_event(draw(minutes), outputs[0])
    made = run_event(
        draw(st.sampled_from(["START", "COMPLETE", "COMPLETE", "FAIL"])), draw(minutes),
        job=draw(st.sampled_from("ab")), run=draw(st.sampled_from("123")),
        inputs=draw(ports(2, ("",))), outputs=outputs,
    )  # fmt: skip
    if draw(st.booleans()):
        text = draw(st.sampled_from(["INSERT INTO o SELECT * FROM p", "DROP TABLE o", "(", "x"]))
        made["job"]["facets"]["sql"] = facet("SQLJobFacet", query=text)
    return made


@st.composite
def decisions(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["rule", "rule", "end", "pair"]))
    id_ = draw(st.sampled_from(["R1", "R2", "R3"]))
    if kind == "end":
        return AliasRuleEnded(id_, "no")
    if kind == "pair":
        one, other = draw(names), (draw(st.sampled_from(PLACES)), draw(st.sampled_from(SHORT)))
        refs = [str(DatasetRef(*name)) for name in (one, other)]
        return AliasDecided(*refs, accepted=draw(st.booleans()), reason="looked")
    return AliasRuled(
        id_, draw(st.sampled_from(FORMS)), draw(st.sampled_from((*PLACES, "*"))), "looked",  # type: ignore[arg-type]
        prefix=draw(st.sampled_from(["", "/d", "x."])),
        to_namespace=draw(st.sampled_from(["", *PLACES])),
        to_prefix=draw(st.sampled_from(["", "/d", "/d/d"])),
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    facts = facts_of(draw(st.lists(events(), min_size=1, max_size=6)))
    for body in draw(st.lists(decisions(), max_size=4)):
        position = len(facts) + 1
        encoded = msgspec.json.encode(body, order="deterministic")
        facts.append(
            Fact(position, f"fact-{position}", kind_of(body), "officer", None, at(draw(minutes)),
                 0, encoded)
        )  # fmt: skip
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


@settings(max_examples=rounds(usual=60, campaign=4000), deadline=None)
@given(histories(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_names_come_out_alike(facts: list[Fact], batch: int, chance: random.Random) -> None:
    other = chance.sample(facts, len(facts))
    assert folded(facts, 100) == folded(other, batch)
