"""Ids of nodes as Marquez writes them: ``dataset:NAMESPACE:NAME``, and the node that one means.

Both parts can hold colons (``postgres://h:5432``), so the text alone does not say where one ends.
Every way to take it apart is looked up: the one that names something known is meant. Where several
do, and for whoever would rather not guess, ``namespace`` and ``name`` say it beside each other.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Final

from lineage.errors import InvalidInput, NotFound
from lineage.graph.port import Node
from lineage.identity import Label
from lineage.trace.names import clean
from tracehold.questions.question import Body
from tracehold.services import Services

__all__ = ["AskNode", "dataset_key", "dataset_name", "find_node", "node_id", "version_id"]

KINDS: Final[dict[str, Label]] = {"dataset": "Dataset", "datasetField": "Column", "job": "Job"}
COLONS: Final = 64
"""Colons that an id may hold; more of them, and every way to take it apart would cost too much."""
FIELD_COLONS: Final = 24
MODELS: Final = "model"
"""Namespace under which versions of models stand, which have none of their own."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_VERSIONS: Final = uuid.UUID("3e9f1fd5-6b1b-5a53-8c0a-6f3a1f1ad0a4")


class AskNode(Body, frozen=True, kw_only=True):
    """A node by its id, or by ``namespace`` and ``name`` (and ``field``), and how far to go."""

    nodeId: str = ""  # noqa: N815 - Marquez' name
    namespace: str = ""
    name: str = ""
    field: str = ""
    type: str = ""
    depth: int = 20


def node_id(node: Node) -> str:
    """The id of a dataset, column, job or version of a model."""
    props = node.props
    if node.label == "Column":
        return f"datasetField:{props['namespace']}:{props['name']}:{props['field']}"
    if node.label == "Job":
        return f"job:{props['namespace']}:{props['name']}"
    return f"dataset:{':'.join(dataset_name(node))}"


def dataset_name(node: Node) -> tuple[str, str]:
    """Namespace and name of a dataset, or of a version of a model."""
    if node.label == "Model":
        return MODELS, f"{node.props.get('name')}@{node.props.get('version')}"
    return str(node.props.get("namespace", "")), str(node.props.get("name", ""))


def dataset_key(services: Services, namespace: str, name: str) -> str:
    """The key of a dataset, or of a version of a model, by its name."""
    key = services.identity.key("Dataset", namespace, name)
    model, at, version = name.rpartition("@")
    if namespace == MODELS and at and services.state.node(key) is None:
        return services.identity.key("Model", model, version)
    return key


@lru_cache(maxsize=10_000)
def version_id(text: str) -> str:
    """A version as a UUID, which Marquez' clients expect: itself, or derived from the name."""
    return text.lower() if _UUID.fullmatch(text) else str(uuid.uuid5(_VERSIONS, text))


def find_node(services: Services, asked: AskNode) -> Node:
    """The node that was asked for.

    Raises:
        InvalidInput: The id has another form, or fits several things.
        NotFound: Nothing known fits.
    """
    if not asked.nodeId:
        return _by_name(services, asked)
    kind, colon, rest = asked.nodeId.partition(":")
    label = KINDS.get(kind)
    if label is None or not colon or not rest:
        raise InvalidInput(
            "this is no id of a node",
            where="nodeId",
            advice="write dataset:NAMESPACE:NAME, datasetField:NAMESPACE:NAME:FIELD or "
            "job:NAMESPACE:NAME",
        )
    # A name can hold the sign that begins a version.
    for text in dict.fromkeys((rest, rest.rpartition("#")[0])):
        found = _known(services, label, text) if text else []
        if len(found) == 1:
            return found[0]
        if found:
            ways = "; ".join(
                f"namespace={clean(str(n.props['namespace']))} name={clean(str(n.props['name']))}"
                for n in found
            )
            raise InvalidInput(
                f"the id fits {len(found)} things", where="nodeId", advice=f"give one of: {ways}"
            )
    raise _unknown("nodeId")


def _by_name(services: Services, asked: AskNode) -> Node:
    kind = asked.type or ("datasetField" if asked.field else "dataset")
    if kind not in KINDS or not asked.name:
        raise InvalidInput(
            "a node is missing",
            where="nodeId",
            advice="give nodeId, or namespace and name, with type=job for a job",
        )
    if kind == "datasetField":
        key = services.identity.key("Column", asked.namespace, asked.name, asked.field)
    elif kind == "job":
        key = services.identity.key("Job", asked.namespace, asked.name)
    else:
        key = dataset_key(services, asked.namespace, asked.name)
    node = services.state.nodes([key]).get(key)
    if node is None:
        raise _unknown("name")
    return node


def _unknown(where: str) -> NotFound:
    return NotFound(
        "nothing of that name is known", where=where, advice="GET /api/v1/search?q=NAME looks it up"
    )


def _known(services: Services, label: Label, text: str) -> list[Node]:
    parts = 3 if label == "Column" else 2
    if text.count(":") > (FIELD_COLONS if parts == 3 else COLONS):
        raise InvalidInput(
            "the id has too many colons", where="nodeId", advice="give namespace and name instead"
        )
    keys = [services.identity.key(label, *split) for split in splits(text, parts)]
    if label == "Dataset":
        namespace, _, name = text.partition(":")
        keys.append(dataset_key(services, namespace, name))
    found = services.state.nodes(list(dict.fromkeys(keys)))
    return [found[key] for key in sorted(found)]


def splits(text: str, parts: int) -> Iterator[tuple[str, ...]]:
    """Every way to take a text apart at colons into so many parts, none but the first empty."""
    places = [place for place, char in enumerate(text) if char == ":"]
    for chosen in combinations(places, parts - 1):
        bounds = [-1, *chosen, len(text)]
        split = tuple(text[a + 1 : b] for a, b in pairwise(bounds))
        if all(split[1:]):
            yield split
