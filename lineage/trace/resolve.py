"""From what a person types to one thing: a full reference, or a short name that fits only one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from lineage.errors import InvalidInput, NotFound
from lineage.graph.port import Node
from lineage.identity import Identity, Label
from lineage.refs import KIND_LABELS, JobRef, Ref, parse_ref
from lineage.state.port import StateReader
from lineage.trace.names import clean, reference

__all__ = ["resolve", "unknown"]

PAGE: Final = 500
MOST_READ: Final = 5_000
"""Nodes looked at per label before a short name must be given in full."""
SHOWN: Final = 8
BARE: Final[tuple[Label, ...]] = ("Dataset", "Model", "Job")
"""Where a name without a kind is looked for; a job only where no data bears the name."""


def resolve(state: StateReader, identity: Identity, text: str) -> tuple[Ref, str]:
    """The reference that a text names, and its key.

    A short name is the name without namespace, or its end behind ``/`` or ``.``; ``KIND:`` may
    stand before it, ``NAME@VERSION`` names a model and ``NAME#FIELD`` a column.

    Raises:
        NotFound: Nothing known fits.
        InvalidInput: Several things fit; the advice lists them.
    """
    text = text.lstrip()
    kind, colon, rest = text.partition(":")
    known_kind = bool(colon) and kind in KIND_LABELS
    if known_kind and (rest.startswith("[") or (kind == "model" and "@" in rest)):
        ref = parse_ref(text)
        key = ref.key(identity)
        if state.node(key) is not None or (kind == "run" and state.run(key) is not None):
            return ref, key
        if kind != "model":
            raise unknown(clean(text))
    labels = (KIND_LABELS[kind],) if known_kind else BARE
    name = (rest if known_kind else text).strip()
    if not name:
        raise InvalidInput("an empty name refers to nothing", advice="write KIND:[NAMESPACE]NAME")
    found = _candidates(state, labels, name)
    if len(found) == 1:
        ref = found[0]
        return ref, ref.key(identity)
    if not found:
        raise unknown(clean(text))
    listed = ", ".join(clean(str(ref)) for ref in found[:SHOWN])
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    raise InvalidInput(
        f"{clean(text)!r} fits {len(found)} things",
        where=clean(text),
        advice=f"name one of them: {listed}{more}",
    )


def unknown(text: str) -> NotFound:
    """What to say where nothing is known by that name, or nothing that may be seen."""
    return NotFound(
        f"nothing is known of {text}",
        where=text,
        advice="`tracehold search WORD` finds what is known by a part of its name",
    )


def _candidates(state: StateReader, labels: tuple[Label, ...], text: str) -> list[Ref]:
    """Everything of the best fit: the whole name before its end, data before a job.

    Dagster and dbt call a job after the table that it makes, and a person means the table.
    """
    exact: set[Ref] = set()
    ends: set[Ref] = set()
    for label, wanted, extra in _readings(labels, text):
        for node in _named(state, label, wanted):
            ref = reference(node)
            if ref is None or not _extra_fits(node, extra):
                continue
            name = str(node.props["name"])
            if name == wanted:
                exact.add(ref)
            elif name.endswith(("/" + wanted, "." + wanted)):
                ends.add(ref)
    best = exact or ends
    data = {ref for ref in best if not isinstance(ref, JobRef)}
    return sorted(data or best, key=str)


def _readings(labels: tuple[Label, ...], text: str) -> Iterator[tuple[Label, str, str]]:
    """Ways to read the text: label, name, and version or field where the text has one."""
    head, at, version = text.rpartition("@")
    stem, hash_, field = text.rpartition("#")
    for label in labels:
        if label == "Column":
            continue
        yield label, unquote(text), ""
        if label == "Model" and at:
            yield label, unquote(head), unquote(version)
    if hash_ and stem and (labels == BARE or "Column" in labels):
        yield "Column", unquote(stem), unquote(field)


def _named(state: StateReader, label: Label, text: str) -> Iterator[Node]:
    after, read = "", 0
    while read < MOST_READ:
        page = state.list_nodes(label, text=text, after=after, limit=PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after, read = page[-1].key, read + len(page)


def _extra_fits(node: Node, extra: str) -> bool:
    if not extra:
        return True
    part = "version" if node.label == "Model" else "field"
    return str(node.props.get(part, "")) == extra
