"""A small estate for traces, and a state that reads it: nodes, edges and aspects as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from graph_builders import ALWAYS, sql_graph

from lineage.facts import Json
from lineage.graph.content import BySpans
from lineage.graph.port import (
    Closure,
    Direction,
    Edge,
    EdgeType,
    GraphDiff,
    Limits,
    Node,
    Spans,
    View,
)
from lineage.graph.sql import SqlGraph
from lineage.graph.walk import Deadline
from lineage.identity import Identity, Label
from lineage.refs import ColumnRef, DatasetRef, JobRef, ModelRef
from lineage.state.nesting import outer_jobs
from lineage.state.port import AspectValue, EstateCounts, RunRow, VersionRow

IDENTITY = Identity(b"a workspace secret of 32 bytes!!")


class GraphState:
    """A state over a graph, with aspects held in memory; everything holds since 0."""

    def __init__(self, graph: SqlGraph) -> None:
        self.graph = graph
        self.said: dict[tuple[str, str], list[AspectValue]] = {}
        self.mere: set[str] = set()
        """Keys that nothing but a mention is known of."""

    def say(self, key: str, aspect: str, value: Json) -> None:
        """Let an aspect hold."""
        values = self.said.setdefault((key, aspect), [])
        values.append(AspectValue(value, "", "manifest", 0, "fact", 1, "actor"))

    def node(self, key: str) -> Node | None:
        return self.graph.nodes([key]).get(key)

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        return self.graph.nodes(keys)

    def edges_into(self, keys: Sequence[str], edge_type: EdgeType) -> list[Edge]:
        return self.graph.edges_into(keys, edge_type)

    def steps(
        self, keys: Sequence[str], direction: Direction, view: View, as_of: int, limits: Limits
    ) -> Closure:
        return self.graph.closure(
            keys, direction, edge_type="FEEDS", view=view, as_of=as_of, limits=limits
        )

    def edges_to_models(self, keys: Sequence[str], view: View, as_of: int) -> list[Edge]:
        return self.graph.edges_to_models(keys, view, as_of)

    def same_as(self, keys: Sequence[str]) -> list[Edge]:
        return [e for key in keys for e in self.graph.neighbors(key, edge_types=("SAME_AS",))]

    def outer_jobs(self, keys: Sequence[str]) -> dict[str, set[str]]:
        return outer_jobs(self.graph._db, keys)

    def mentioned(self, keys: Sequence[str]) -> set[str]:
        return self.mere & set(keys)

    def estate(self) -> EstateCounts:
        nodes = [node for node in self.graph.all_nodes() if node.label == "Dataset"]
        files = {node.key for node in nodes if node.props.get("namespace") == "file"}
        keys = {node.key for node in nodes} - files
        linked = {
            key for edge in self.graph.all_edges() if edge.type == "FEEDS"
            for key in (edge.src, edge.dst)
        }  # fmt: skip
        owned, classed = self.with_aspect("ownership"), self.with_aspect("retention")
        return EstateCounts(
            len(keys), len(keys & linked), len(keys & owned.keys()), len(keys & classed.keys()),
            len(files), len(files & linked),
        )  # fmt: skip

    def within(self, deadline: Deadline) -> AbstractContextManager[None]:
        return self.graph.within(deadline)

    def list_nodes(
        self, label: Label, *, text: str = "", after: str = "", limit: int = 100
    ) -> list[Node]:
        return self.graph.list_nodes(label, text=text, after=after, limit=limit)

    def count(self, label: Label) -> int:
        return self.graph.count(label)

    def columns(self, dataset_key: str) -> list[Node]:
        edges = self.graph.neighbors(dataset_key, edge_types=("HAS_COLUMN",))
        nodes = self.graph.nodes([edge.dst for edge in edges])
        return sorted(nodes.values(), key=lambda node: str(node.props["field"]))

    def aspects(
        self, keys: Sequence[str], names: Sequence[str], as_of: int | None = None
    ) -> dict[str, dict[str, list[AspectValue]]]:
        found: dict[str, dict[str, list[AspectValue]]] = {}
        for (key, name), values in self.said.items():
            if key in keys and name in names:
                found.setdefault(key, {})[name] = values
        return found

    def with_aspect(self, name: str, as_of: int | None = None) -> dict[str, list[AspectValue]]:
        return {key: values for (key, aspect), values in self.said.items() if aspect == name}

    def history(self, key: str, name: str) -> list[AspectValue]:
        return self.said.get((key, name), [])

    def runs(self, *, job_key: str | None = None, limit: int = 100) -> list[RunRow]:
        return []

    def run(self, key: str) -> RunRow | None:
        return None

    def versions(self, dataset_key: str, limit: int = 100) -> list[VersionRow]:
        return []

    def passages(self) -> BySpans:
        return BySpans()

    def position(self) -> int:
        return self.graph.position()

    def digest(self) -> str:
        return self.graph.digest()

    def fold_version(self) -> str:
        return "test"


class Estate:
    """Builds nodes and edges by name."""

    def __init__(self) -> None:
        self.graph = sql_graph()
        self.state = GraphState(self.graph)
        self.position = 0

    def put(self, *nodes: Node, edges: Sequence[Edge] = ()) -> None:
        self.position += 1
        self.graph.apply(GraphDiff(nodes, edges), self.position)

    def dataset(self, name: str, namespace: str = "demo", **props: Json) -> DatasetRef:
        ref = DatasetRef(namespace, name)
        shown = {"namespace": namespace, "name": name, **props}
        self.put(Node(ref.key(IDENTITY), "Dataset", shown))
        return ref

    def model(self, name: str, version: str) -> ModelRef:
        ref = ModelRef(name, version)
        self.put(Node(ref.key(IDENTITY), "Model", {"name": name, "version": version}))
        return ref

    def column(self, dataset: DatasetRef, field: str) -> ColumnRef:
        ref = ColumnRef(dataset.namespace, dataset.name, field)
        place = len(self.state.columns(dataset.key(IDENTITY)))
        props = {
            "namespace": ref.namespace, "name": ref.name, "field": field, "ordinal": place,
        }  # fmt: skip
        owner = f"{dataset.key(IDENTITY)}:schema"
        edge = Edge("HAS_COLUMN", dataset.key(IDENTITY), ref.key(IDENTITY), owner, "schema")
        self.put(Node(ref.key(IDENTITY), "Column", props), edges=[edge])
        return ref

    def feed(
        self,
        src: DatasetRef | ModelRef | ColumnRef,
        dst: DatasetRef | ModelRef | ColumnRef,
        job: str,
        *,
        kind: str = "product",
        structural: Spans = ALWAYS,
        content: Spans | None = None,
        props: Mapping[str, Json] | None = None,
    ) -> None:
        owner = JobRef("demo", job)
        node = Node(owner.key(IDENTITY), "Job", {"namespace": "demo", "name": job})
        edge = Edge(
            "FEEDS_COLUMN" if isinstance(src, ColumnRef) else "FEEDS",
            src.key(IDENTITY),
            dst.key(IDENTITY),
            owner.key(IDENTITY),
            kind,
            dict(props or {}),
            structural,
            structural if content is None else content,
        )
        self.put(node, edges=[edge])


def churn_estate() -> tuple[Estate, ModelRef]:
    """Three files → three datasets → a training and a test set → a model that scores bookings."""
    estate = Estate()
    named = {}
    for name in ("flights", "bookings", "loyalty"):
        source = estate.dataset(f"/work/sources/{name}.csv", "file")
        named[name] = estate.dataset(
            name, write_mode="overwrite" if name == "flights" else "append"
        )
        estate.feed(source, named[name], f"ingest_{name}", kind="columns")
    train = estate.dataset("training_set", write_mode="overwrite")
    test = estate.dataset("test_set")
    model = estate.model("churn", "1")
    for ref in named.values():
        estate.feed(ref, train, "make_training_set", kind="columns")
    estate.feed(named["bookings"], test, "make_training_set")
    for data, role in ((train, "train"), (test, "test")):
        estate.feed(data, model, "train_churn", kind="declared")
        trained = Edge(
            "TRAINED_ON",
            data.key(IDENTITY),
            model.key(IDENTITY),
            f"{model.key(IDENTITY)}:training",
            "training",
            {"role": role},
        )
        estate.put(edges=[trained])
    scores = estate.dataset("scores", write_mode="append")
    estate.feed(model, scores, "score", kind="declared")
    columns = {
        name: estate.column(named[name], field)
        for name, field in (("flights", "dest"), ("bookings", "email"), ("loyalty", "tier"))
    }
    mail = estate.column(train, "email_hash")
    tier = estate.column(train, "tier")
    estate.feed(
        columns["bookings"], mail, "make_training_set", kind="columns", props={"masking": True}
    )
    estate.feed(columns["loyalty"], tier, "make_training_set", kind="columns")
    for name, license_ in (("flights", "CC0-1.0"), ("loyalty", "CC-BY-NC-4.0")):
        estate.state.say(named[name].key(IDENTITY), "license", {"declared": license_})
    estate.state.say(named["bookings"].key(IDENTITY), "pii", {"entity": "EMAIL_ADDRESS"})
    file = DatasetRef("file", "/work/sources/loyalty.csv")
    estate.state.say(file.key(IDENTITY), "license", {"declared": "CC-BY-NC-4.0"})
    for ref in (*named.values(), train):
        estate.state.say(ref.key(IDENTITY), "ownership", {"owners": []})
    estate.state.say(named["bookings"].key(IDENTITY), "retention", {"class": "bookings"})
    return estate, model


def annotate_terms(
    state: GraphState, nodes: Sequence[Node], as_of: int
) -> Mapping[str, Mapping[str, Json]]:
    """What catalog and privacy would say, in their shapes."""
    shapes = {"license": "declared", "pii": "entity", "retention": "class"}
    found = state.aspects([node.key for node in nodes], list(shapes), as_of)
    return {
        key: {name: {"short": values[0].value[shapes[name]]} for name, values in said.items()}
        for key, said in found.items()
    }
