"""Rules of names: where each form leads, and what is joined by edges as long as the rule holds."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage_events import (
    IDENTITY,
    NS,
    ListedJournal,
    at,
    dataset,
    facet,
    facts_of,
    run_event,
)
from rounds import rounds

from catalog.events import AliasDecided, AliasRuled, AliasRuleEnded, kind_of
from lineage.facts import Fact
from lineage.graph.content import Aliases
from lineage.graph.port import OPEN, Limits
from lineage.refs import DatasetRef
from lineage.state.advance import Folder
from lineage.state.alias_rules import Form, Rule, lead, trusted
from lineage.state.known_at import known_at, replayed
from lineage.state.store import SqlState, open_state
from tracehold.registry import make_registry

REGISTRY = make_registry()


def rule(form: Form, namespace: str, prefix: str = "", to: str = "", to_prefix: str = "") -> Rule:
    return Rule(f"R-{form}", form, namespace, prefix, to, to_prefix)


@pytest.mark.parametrize(
    ("made", "namespace", "name", "other"),
    [
        (rule("host", "file://*", to="file"), "file://worker-3", "/d/x.csv", ("file", "/d/x.csv")),
        (rule("host", "file://*", to="file"), "file", "/d/x.csv", None),
        (rule("host", "duckdb:///tmp/a.db", to="duckdb://shop"), "duckdb:///tmp/a.db", "a.m.t",
         ("duckdb://shop", "a.m.t")),
        (rule("prefix", "file", "/mnt/lake", "s3://lake", ""), "file", "/mnt/lake/x/y",
         ("s3://lake", "/x/y")),
        (rule("prefix", "file", "/mnt/lake/", "s3://lake", ""), "file", "/mnt/lake/x",
         ("s3://lake", "x")),
        (rule("prefix", "file", "/mnt/lake", "s3://lake"), "file", "/mnt/lakehouse/x", None),
        (rule("prefix", "duckdb", "shop.main.", "file", "/w/"), "duckdb", "shop.main.orders",
         ("file", "/w/orders")),
        (rule("parts", "file"), "file", "/d/orders/part-00000-8f2-c000.snappy.parquet",
         ("file", "/d/orders")),
        (rule("parts", "file"), "file", "/d/orders/day=2026-01-01/hour=3/part-00001.csv",
         ("file", "/d/orders")),
        (rule("parts", "file"), "file", "/d/orders/*.csv", ("file", "/d/orders")),
        (rule("parts", "file"), "file", "/d/orders/000000_0", ("file", "/d/orders")),
        (rule("parts", "file"), "file", "/d/orders/departments.csv",
         ("file", "/d/orders/departments.csv")),
        (rule("parts", "file"), "file", "part-00000.csv", ("file", "part-00000.csv")),
        (rule("case", "snowflake://x"), "snowflake://x", "DB.S.Orders",
         ("snowflake://x", "db.s.orders")),
        (rule("table", "hive://m:9083", to="hdfs://nn", to_prefix="/wh"), "hive://m:9083",
         "default.t1", ("hdfs://nn", "/wh/t1")),
        (rule("table", "hive://m:9083", to="hdfs://nn", to_prefix="/wh/"), "hive://m:9083",
         "spark_catalog.gov.t2", ("hdfs://nn", "/wh/gov.db/t2")),
        (rule("table", "hive://m:9083", to="hdfs://nn", to_prefix="/wh"), "hive://m:9083",
         "t1", None),
        (rule("trusted", "*"), "file", "/x", None),
    ],
)  # fmt: skip
def test_a_rule_leads_a_name_to_another(
    made: Rule, namespace: str, name: str, other: tuple[str, str] | None
) -> None:
    assert made.other(namespace, name) == other


def test_rules_follow_one_another() -> None:
    rules = [rule("parts", "file://*"), rule("prefix", "file", "/mnt/", "s3://lake"),
             rule("host", "file://*", to="file")]  # fmt: skip
    to, by = lead(rules, "file://w1", "/mnt/orders/part-00000.csv")
    assert to == ("s3://lake", "orders")
    assert [one.form for one in by] == ["parts", "host", "prefix"]


@given(names=st.lists(st.sampled_from("ab"), min_size=1, max_size=6).map("".join))
def test_rules_in_a_circle_lead_all_of_it_to_one_name(names: str) -> None:
    rules = [Rule("1", "host", "a", "", "b"), Rule("2", "host", "b", "", "c"),
             Rule("3", "host", "c", "", "a")]  # fmt: skip
    assert {lead(rules, place, names)[0] for place in "abc"} == {("a", names)}


def test_trust_needs_all_namespaces() -> None:
    rules = [rule("trusted", "hive://*"), Rule("2", "trusted", "hdfs://nn")]
    assert trusted(rules, "hive://a", "hdfs://nn")
    assert not trusted(rules, "hive://a", "s3://x")
    assert not trusted([rule("host", "hive://*", to="x")], "hive://a")


# In the state


def native(position: int, body: Any, minutes: float) -> Fact:
    encoded = msgspec.json.encode(body, order="deterministic")
    return Fact(
        position, f"fact of minute {minutes}", kind_of(body), "officer", None, at(minutes),
        at(0) + position, encoded,
    )  # fmt: skip


def ruled(id_: str, form: Form, namespace: str, **more: str) -> AliasRuled:
    return AliasRuled(rule=id_, form=form, namespace=namespace, reason="looked", **more)


def folded(folder: Path, bodies: list[Any], batch: int = 1000) -> SqlState:
    """Facts in this order: events, or (native body, minutes)."""
    facts: list[Fact] = []
    for position, body in enumerate(bodies, 1):
        if isinstance(body, tuple):
            facts.append(native(position, *body))
        else:
            facts += facts_of([body], position)
    state = open_state(folder / f"{len(list(folder.iterdir()))}.db")
    journal = ListedJournal(facts)
    Folder(journal, state, REGISTRY, IDENTITY).catch_up(batch)  # type: ignore[arg-type]
    return state


def joined(state: SqlState) -> dict[tuple[str, str], Any]:
    graph = state.graph
    names = {n.key: f"{n.props.get('namespace')} {n.props['name']}" for n in graph.all_nodes()}
    return {(names[e.src], names[e.dst]): e for e in graph.all_edges() if e.type == "SAME_AS"}


@pytest.fixture
def written() -> list[Any]:
    """Spark writes a folder; somebody reads a part file of it, and a host-local name."""
    other = {"namespace": "file://w1", "name": "/d/orders", "facets": {}}
    return [
        run_event("COMPLETE", 1, job="write", inputs=["raw"], outputs=["/d/orders"]),
        run_event("COMPLETE", 2, job="read", inputs=["/d/orders/part-00000.csv"], outputs=["end"]),
        run_event("COMPLETE", 3, job="far", inputs=[other], outputs=["far_end"]),
    ]


PARTS = ruled("R1", "parts", NS)
HOST = ruled("R2", "host", "file://*", to_namespace=NS)


def test_a_rule_joins_what_it_fits_whenever_it_was_decided(
    tmp_path: Path, written: list[Any]
) -> None:
    state = folded(tmp_path, [*written, (PARTS, 60), (HOST, 61)])
    edges = joined(state)
    assert set(edges) == {
        (f"{NS} /d/orders/part-00000.csv", f"{NS} /d/orders"),
        ("file://w1 /d/orders", f"{NS} /d/orders"),
    }
    edge = edges["file://w1 /d/orders", f"{NS} /d/orders"]
    assert (edge.kind, edge.props) == ("rule", {"rule": "R2", "actor": "officer"})
    assert edge.structural == edge.content == ((0, OPEN),)


def test_a_rule_that_is_ended_never_held(tmp_path: Path, written: list[Any]) -> None:
    state = folded(tmp_path, [*written, (PARTS, 60), (AliasRuleEnded("R1", "wrong"), 61)])
    assert joined(state) == {}


def test_a_person_can_take_one_pair_out_of_a_rule(tmp_path: Path, written: list[Any]) -> None:
    part, whole = (str(DatasetRef(NS, n)) for n in ("/d/orders/part-00000.csv", "/d/orders"))
    no = AliasDecided(part, whole, accepted=False, reason="another export")
    [edge] = joined(folded(tmp_path, [*written, (PARTS, 5), (no, 10)])).values()
    assert edge.structural == edge.content == ((0, at(10)),)
    yes = AliasDecided(part, whole, accepted=True, reason="it was not")
    edges = joined(folded(tmp_path, [*written, (PARTS, 5), (no, 10), (yes, 20)]))
    spans = {edge.kind: edge.structural for edge in edges.values()}
    assert spans["rule" if "rule" in spans else "decided"][-1][1] == OPEN


def test_names_are_joined_where_nobody_uses_the_one_that_rules_lead_to(tmp_path: Path) -> None:
    reads = [
        run_event("COMPLETE", 1, job=name, inputs=[f"/d/o/{name}"], outputs=[f"out_{name}"])
        for name in ("part-00000.csv", "part-00001.csv", "part-00002.csv")
    ]
    state = folded(tmp_path, [*reads, (PARTS, 5)])
    keys = [DatasetRef(NS, f"/d/o/part-0000{n}.csv").key(IDENTITY) for n in range(3)]
    assert len(joined(state)) == 2
    assert Aliases(state.graph).of(keys[:1]) == set(keys)
    assert state.graph.nodes([DatasetRef(NS, "/d/o").key(IDENTITY)]) == {}


def test_names_that_two_rules_lead_to_one_that_nobody_uses_are_joined_by_both(
    tmp_path: Path,
) -> None:
    hosts = ("file://w1", "file://w2")
    reads = [
        run_event("COMPLETE", 1, job=host, inputs=[dataset("/d/x") | {"namespace": host}])
        for host in hosts
    ]
    rules = [ruled(f"R{n}", "host", host, to_namespace=NS) for n, host in enumerate(hosts, 1)]
    [edge] = joined(folded(tmp_path, [*reads, *((one, 5) for one in rules)])).values()
    assert set(edge.props["rule"].split("+")) == {"R1", "R2"}


@pytest.mark.parametrize("batch", [1, 1000])
def test_a_name_that_a_symlink_brings_into_the_middle_leaves_no_edge_to_the_former_one(
    tmp_path: Path, batch: int
) -> None:
    parts = [DatasetRef(NS, f"/d/o/part-0000{number}.csv") for number in range(3)]
    first, *used = sorted(parts, key=lambda ref: ref.key(IDENTITY))
    view = dataset("/v") | {
        "facets": {"symlinks": facet("Symlinks", identifiers=[
            {"namespace": NS, "name": first.name, "type": "T"}])}
    }  # fmt: skip
    wrote = run_event("COMPLETE", 1, outputs=[view, *(ref.name for ref in used)])
    state = folded(tmp_path, [wrote, (PARTS, 5)], batch)
    by_rule = {ends for ends, edge in joined(state).items() if edge.kind == "rule"}
    assert by_rule == {(f"{NS} {ref.name}", f"{NS} {first.name}") for ref in used}


@pytest.mark.campaign
@pytest.mark.parametrize("batch", [1, 1000])
def test_rules_give_one_state_in_any_order(tmp_path: Path, written: list[Any], batch: int) -> None:
    facts = [*written, (PARTS, 60), (HOST, 61), (ruled("R3", "case", NS), 62),
             (AliasRuleEnded("R3", "no"), 63)]  # fmt: skip
    orders = list(permutations(facts))[:: 5040 // rounds(usual=24, campaign=2520)]
    assert len({folded(tmp_path, list(order), batch).digest() for order in orders}) == 1


def test_what_was_known_before_a_rule_or_before_its_end_is_known_so(
    tmp_path: Path, written: list[Any]
) -> None:
    bodies = [*written, (PARTS, 60), (HOST, 61), (AliasRuleEnded("R1", "wrong"), 62)]
    state = folded(tmp_path, bodies)
    facts = [*facts_of(written), *(native(n, *b) for n, b in enumerate(bodies[3:], 4))]
    journal: Any = ListedJournal(facts)
    start = DatasetRef(NS, "end").key(IDENTITY)
    for position in range(3, 7):
        with (
            known_at(
                journal, state, REGISTRY, IDENTITY, starts=[start], position=position,
                limits=Limits(),
            ) as partly,
            replayed(journal, REGISTRY, IDENTITY, position=position) as wholly,
        ):  # fmt: skip
            part = DatasetRef(NS, "/d/orders/part-00000.csv").key(IDENTITY)
            found = [Aliases(known.graph).of([part]) for known in (partly, wholly)]
            assert found[0] == found[1]
            assert len(found[0]) == {3: 1, 4: 2, 5: 3, 6: 1}[position]


# Proposals


def proposing(minutes: float, *others: tuple[str, str]) -> dict[str, Any]:
    identifiers = [{"namespace": ns, "name": name, "type": "TABLE"} for ns, name in others]
    return run_event(
        "COMPLETE", minutes, run=f"run {minutes}",
        outputs=[dataset("t", tracehold_proposedSymlinks=facet("P", identifiers=identifiers))],
    )  # fmt: skip


def waits(state: SqlState) -> list[str]:
    rows = state.connection().execute("select slot from alias_waiting order by slot")
    return [slot for (slot,) in rows]


def test_what_a_producer_does_not_speak_for_waits(tmp_path: Path) -> None:
    state = folded(tmp_path, [proposing(1, ("hive://m", "d.t"), ("x", "y"))])
    assert joined(state) == {}
    assert waits(state) == ["dataset:[hive://m]d.t", "dataset:[x]y"]
    assert state.count("Dataset") == 1


def test_a_proposal_counts_from_when_it_was_said_once_it_is_trusted(tmp_path: Path) -> None:
    trust = [(ruled("T1", "trusted", "hive://*"), 60), (ruled("T2", "trusted", NS), 60)]
    state = folded(tmp_path, [proposing(1, ("hive://m", "d.t"), ("x", "y")), *trust])
    [(ends, edge)] = joined(state).items()
    assert ends == (f"{NS} t", "hive://m d.t")
    assert (edge.kind, edge.structural) == ("symlink", ((at(1), OPEN),))
    assert waits(state) == ["dataset:[x]y"]


@pytest.mark.parametrize("accepted", [True, False])
def test_a_proposal_waits_no_more_once_it_is_decided(tmp_path: Path, accepted: bool) -> None:
    decided = AliasDecided(f"dataset:[{NS}]t", "dataset:[x]y", accepted, "looked")
    state = folded(tmp_path, [proposing(1, ("x", "y")), (decided, 5)])
    assert waits(state) == []
    standing = [e for e in joined(state).values() if e.structural]
    assert bool(standing) is accepted


def test_a_proposal_that_is_not_made_any_more_waits_no_more(tmp_path: Path) -> None:
    state = folded(tmp_path, [proposing(1, ("x", "y")), proposing(5, ("x", "z"))])
    assert waits(state) == ["dataset:[x]z"]


def test_a_rule_concerns_decisions_made_before_it(tmp_path: Path, written: list[Any]) -> None:
    state = open_state(tmp_path / "state.db")
    state.late.watch(at(30))
    facts = [*facts_of(written), native(4, HOST, 60)]
    journal: Any = ListedJournal(facts[:3])
    folder = Folder(journal, state, REGISTRY, IDENTITY)
    folder.catch_up()
    state.late.take()
    journal.facts.append(facts[3])
    folder.catch_up()
    assert DatasetRef("file://w1", "/d/orders").key(IDENTITY) in state.late.take()


def test_a_name_is_known_by_trust_as_long_as_somebody_trusts(tmp_path: Path) -> None:
    trust = [(ruled("T1", "trusted", "hive://*"), 60), (ruled("T2", "trusted", NS), 60)]
    over = (AliasRuleEnded("T1", "no"), 61)
    proposed = proposing(1, ("hive://m", "d.t"))
    assert folded(tmp_path, [proposed, *trust], 1).count("Dataset") == 2
    digests = {folded(tmp_path, [proposed, *trust, over], batch).digest() for batch in (1, 9)}
    assert len(digests) == 1
    assert folded(tmp_path, [proposed, *trust, over], 1).count("Dataset") == 1
