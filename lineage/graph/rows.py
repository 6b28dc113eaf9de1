"""The one form in which nodes and edges are stored, compared and digested.

Both engines store what ``normal_node`` and ``normal_edge`` return, so that a value read back is the
value put, whichever engine it was. The form holds what Neo4j can hold: no nulls, integers of 64
bits, lists of one type. A digest adds up the hashes of rows: order does not matter, and a row put
or dropped is added or subtracted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from lineage.errors import Fault
from lineage.facts import Json
from lineage.graph.port import Edge, Node, Spans

__all__ = [
    "MODULUS",
    "decode_props",
    "decode_spans",
    "digest_of",
    "edge_props",
    "edge_row",
    "encode_props",
    "encode_spans",
    "format_digest",
    "listed",
    "node_row",
    "normal_edge",
    "normal_node",
    "normal_spans",
    "plain",
    "row_hash",
    "row_of_edge",
    "row_of_node",
]

MODULUS: Final = 1 << 256
"""Digests are sums of SHA-256 values modulo 2**256."""

RESERVED_ON_NODES: Final = frozenset({"key"})
RESERVED_ON_EDGES: Final = frozenset(
    {"owner", "kind", "intervals", "content_intervals", "current", "content_until"}
)
_LONG: Final = 1 << 63
_encoder = msgspec.json.Encoder(order="deterministic")
_props_decoder = msgspec.json.Decoder(dict[str, Json])
_spans_decoder = msgspec.json.Decoder(
    tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
)


def listed(values: Sequence[object]) -> str:
    """Values as one parameter of a statement, which takes them apart with ``json_each``."""
    return _encoder.encode(values).decode()


def plain(value: str) -> str:
    """Without lone surrogates, which neither UTF-8 nor Neo4j can carry."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def _scalar(value: Json) -> Json:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_LONG <= value < _LONG else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _encoder.encode(value).decode("utf-8", "replace")


def _value(value: Json) -> Json:
    if isinstance(value, str):
        return plain(value)
    if not isinstance(value, (list, tuple)):
        return _scalar(value)
    items = [_scalar(item) for item in value if item is not None]
    kinds = {type(item) for item in items}
    if kinds == {int, float}:
        return [float(item) for item in items]
    if len(kinds) > 1:
        return [item if isinstance(item, str) else _encoder.encode(item).decode() for item in items]
    return items


def _normal_props(props: Mapping[str, Json], reserved: frozenset[str]) -> dict[str, Json]:
    clash = reserved.intersection(props)
    if clash:
        raise Fault(f"the property name {min(clash)!r} is reserved in the graph")
    return {
        # Flags and plain names are nearly all there is, a hundred times per event.
        name if name.isascii() else plain(name): value if value.__class__ is bool else _value(value)
        for name, value in props.items()
        if value is not None
    }


def normal_spans(spans: Iterable[tuple[int, int]]) -> Spans:
    """Sorted, without empty intervals, with touching and overlapping ones joined."""
    if spans.__class__ is tuple and len(spans) == 1 and spans[0][0] < spans[0][1]:
        return spans  # nearly always
    standing = [span for span in spans if span[0] < span[1]]
    if len(standing) < 2:
        return tuple(standing)
    joined: list[tuple[int, int]] = []
    for start, until in sorted(standing):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((start, until))
    return tuple(joined)


def normal_node(node: Node) -> Node:
    """The node as both engines store it; ``name`` is text where there is one.

    Raises:
        Fault: A property has a reserved name.
    """
    props = _normal_props(node.props, RESERVED_ON_NODES)
    if "name" in props and not isinstance(props["name"], str):
        props["name"] = str(props["name"])
    return Node(node.key, node.label, props)


def normal_edge(edge: Edge) -> Edge:
    """The edge as both engines store it.

    Raises:
        Fault: A property has a reserved name.
    """
    return Edge(
        edge.type,
        edge.src,
        edge.dst,
        plain(edge.owner),
        plain(edge.kind),
        _normal_props(edge.props, RESERVED_ON_EDGES),
        normal_spans(edge.structural),
        normal_spans(edge.content),
    )


def encode_props(props: Mapping[str, Json]) -> str:
    """Properties as canonical JSON text."""
    return _encoder.encode(props).decode()


def decode_props(text: str) -> dict[str, Json]:
    """The inverse of ``encode_props``."""
    return _props_decoder.decode(text)


def edge_props(props: Mapping[str, Json]) -> str:
    """Properties of an edge, brought to their normal form, as canonical JSON text.

    Raises:
        Fault: A property has a reserved name.
    """
    return encode_props(_normal_props(props, RESERVED_ON_EDGES))


def encode_spans(structural: Spans, content: Spans) -> str:
    """Both interval lists as canonical JSON text."""
    return _encoder.encode((structural, content)).decode()


def decode_spans(text: str) -> tuple[Spans, Spans]:
    """The inverse of ``encode_spans``: structural, content."""
    return _spans_decoder.decode(text)


def node_row(key: str, label: str, props: str) -> bytes:
    """The bytes of a node that are hashed; ``props`` is canonical JSON text."""
    return b'["node",%b,%b]' % (_encoder.encode((key, label))[1:-1], props.encode())


def edge_row(identity: tuple[str, str, str, str, str], props: str, spans: str) -> bytes:
    """The bytes of an edge that are hashed; ``props`` and ``spans`` are canonical JSON text."""
    head = _encoder.encode(identity)[1:-1]
    return b'["edge",%b,%b,%b]' % (head, props.encode(), spans.encode())


def row_of_node(node: Node) -> bytes:
    """The bytes of a normal node."""
    return node_row(node.key, node.label, encode_props(node.props))


def row_of_edge(edge: Edge) -> bytes:
    """The bytes of a normal edge."""
    spans = encode_spans(edge.structural, edge.content)
    return edge_row(edge.id, encode_props(edge.props), spans)


def row_hash(row: bytes) -> int:
    """SHA-256 of a row as a number."""
    return int.from_bytes(hashlib.sha256(row).digest(), "big")


def format_digest(total: int) -> str:
    """A sum of row hashes as 64 hexadecimal digits."""
    return f"{total % MODULUS:064x}"


def digest_of(nodes: Iterable[Node], edges: Iterable[Edge]) -> str:
    """Order-free digest of normal nodes and edges."""
    total = sum(row_hash(row_of_node(node)) for node in nodes)
    total += sum(row_hash(row_of_edge(edge)) for edge in edges)
    return format_digest(total)
