"""From what a walk reached to the answer: names, notes, reasons, and the page that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from lineage.facts import Json
from lineage.graph.port import Direction, Limits, Node, View
from lineage.graph.walk import Deadline, OutOfTime
from lineage.identity import Label
from lineage.state.nesting import outermost
from lineage.state.port import StateReader
from lineage.trace.hiding import HIDDEN
from lineage.trace.model import (
    Allowed,
    Annotator,
    Coverage,
    Hidden,
    Trace,
    TraceEdge,
    TraceNode,
    Unresolved,
)
from lineage.trace.names import reference_text
from lineage.trace.paging import Cursor, Page, edges_of_page, fingerprint
from lineage.trace.reached import INFERRED_KINDS, Reached
from lineage.trace.reasons import bytes_reason, notes_reason, reasons_of
from lineage.trace.rollup import rolled_up

__all__ = ["Answering"]

PASSED_ON: Final = "passed on, no longer inside"
"""Annotation of a node that content went through, and that holds none of it any more."""
ANNOTATED_AT_ONCE: Final = 500
"""Nodes that annotators are asked about between two looks at the clock."""
NEVER_LARGE: Final = 1000
"""Bytes that a node or an edge takes at most, names and notes of unusual length aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """A question with everything that the walk found for it."""

    reached: Reached
    hidden: Hidden
    state: StateReader
    deadline: Deadline
    annotators: tuple[Annotator, ...]
    allowed: Allowed | None
    ref: str
    to: str | None
    direction: Direction
    view: View
    columns: bool
    as_of: int
    known_at: int
    limits: Limits
    rollup: bool = False

    def trace(self, page: Page, who: str, coverage: Coverage) -> Trace:
        """The page of the answer that was asked for.

        Raises:
            StaleCursor: The answer is not the one that the page before was of.
        """
        reached = self.reached
        refs, unnamed = self._named()
        order = sorted(reached.depths, key=lambda key: (reached.depths[key], refs[key], key))
        places = {key: place for place, key in enumerate(order)}
        edges = self._edges(refs)
        mentioned = self._mentioned()
        digest = "" if page.after is None else fingerprint(self._asked(), order, edges)
        begin = page.begin(digest, len(order))
        end = len(order) if page.limit is None else min(len(order), begin + page.limit)
        nodes, unnoted = self._nodes(order[begin:end], refs)
        shown = edges_of_page(edges, places, begin, end)
        reasons = [
            *reasons_of(
                reached,
                edges,
                self.view,
                self.limits,
                hidden=self.hidden,
                unnamed=len(unnamed),
                mentioned=mentioned,
            )
        ]
        fitting = _fitting(nodes, shown, places, begin, page.most_bytes)
        if fitting < len(nodes):
            end, nodes = begin + fitting, nodes[:fitting]
            shown = edges_of_page(edges, places, begin, end)
            reasons.append(bytes_reason(end, len(order), page.most_bytes))
        if unnoted:
            reasons.append(notes_reason(unnoted, self.limits))
        following = None
        if end < len(order):
            digest = digest or fingerprint(self._asked(), order, edges)
            first = self.known_at if page.after is None else page.after.known_at
            following = str(Cursor(self.as_of, first, digest, end, self.direction))
        return Trace(
            ref=self.ref,
            direction=self.direction,
            view=self.view,
            columns=self.columns,
            nodes=nodes,
            edges=shown,
            complete=not any(reason.missing for reason in reasons),
            reasons=tuple(reasons),
            as_of=self.as_of,
            known_at=self.known_at,
            answered_by=who,
            coverage=coverage,
            to=self.to,
            hidden=self.hidden,
            unresolved=self._unresolved(order[begin:end], refs, unnamed, mentioned),
            total=None if reached.truncated else len(order),
            next=following,
        )

    def _asked(self) -> list[str]:
        limits = self.limits
        return [
            self.ref, self.to or "", self.direction, self.view, str(self.columns),
            str(self.as_of), f"{limits.depth} {limits.nodes} {limits.edges}",
            *(["rollup"] if self.rollup else []),
        ]  # fmt: skip

    @property
    def _fallback(self) -> Label:
        return "Column" if self.columns else "Dataset"

    def _named(self) -> tuple[dict[str, str], set[str]]:
        """References by key, and the keys of what cannot be named."""
        nodes, fallback = self.reached.nodes, self._fallback
        refs: dict[str, str] = {}
        unnamed: set[str] = set()
        for key in self.reached.depths:
            node = nodes.get(key)
            ref = None if node is None else node.ref
            if ref is None and key.startswith(HIDDEN):
                ref = key.replace("-", ":")
            elif ref is None:
                unnamed.add(key)
                ref = reference_text(node, key, fallback)
            refs[key] = ref
        return refs, unnamed

    def _edges(self, refs: Mapping[str, str]) -> tuple[TraceEdge, ...]:
        reached = self.reached
        owners = self.state.nodes(list({edge.owner for edge in reached.edges}))
        if self.allowed is not None:
            owners = {key: node for key, node in owners.items() if self.allowed(node)}
        jobs = {
            key: (reference_text(node, key, "Job"), str(node.props.get("name", "")))
            for key, node in owners.items()
            if node.label == "Job"
        }
        roles, unknown = self._roles(), ("", "")
        edges = [
            TraceEdge(
                edge.type,
                edge.src,
                edge.dst,
                *jobs.get(edge.owner, unknown),
                edge.kind,
                edge.kind in INFERRED_KINDS,
                roles.get((edge.src, edge.dst)) if roles else None,
                edge.props,
            )
            for edge in reached.edges
        ]
        if self.rollup:
            edges = rolled_up(edges, self._around(owners))
        # Numbers compare faster than long references that begin alike.
        ranks = {ref: rank for rank, ref in enumerate(sorted(set(refs.values())))}
        ranked, count = {key: ranks[ref] for key, ref in refs.items()}, len(ranks)
        edges.sort(key=lambda e: (ranked[e.src] * count + ranked[e.dst], e.job, e.kind, e.type))
        return tuple(edges)

    def _around(self, owners: Mapping[str, Node]) -> dict[str, tuple[str, str]]:
        """Reference and name of the outermost job around each job, by its reference."""
        jobs = {key: node for key, node in owners.items() if node.label == "Job"}
        outer = outermost(jobs, self.state.outer_jobs)
        nodes = self.state.nodes(sorted(set(outer.values())))
        if self.allowed is not None:
            nodes = {key: node for key, node in nodes.items() if self.allowed(node)}
        named = {
            key: (reference_text(node, key, "Job"), str(node.props.get("name", "")))
            for key, node in nodes.items()
        }
        return {
            reference_text(node, key, "Job"): named.get(outer[key], ("", ""))
            for key, node in jobs.items()
        }

    def _roles(self) -> dict[tuple[str, str], str]:
        """The role of a training set, by dataset and model."""
        fed = {edge.dst for edge in self.reached.edges}
        models = [key for key in fed if _label(self.reached.nodes.get(key)) == "Model"]
        roles: dict[tuple[str, str], str] = {}
        for edge in self.state.edges_into(models, "TRAINED_ON") if models else ():
            role = edge.props.get("role")
            if isinstance(role, str) and (
                not edge.structural or edge.holds_at("structural", self.as_of)
            ):
                roles[edge.src, edge.dst] = role
        return roles

    def _nodes(
        self, keys: Sequence[str], refs: Mapping[str, str]
    ) -> tuple[tuple[TraceNode, ...], int]:
        """The nodes, and for how many time was up before anything was said beside them."""
        reached = self.reached
        notes, unnoted = self._notes([reached.nodes[key] for key in keys if key in reached.nodes])
        nodes = []
        for key in keys:
            depth, node = reached.depths[key], reached.nodes.get(key)
            if key.startswith(HIDDEN):
                nodes.append(TraceNode(key, "Hidden", refs[key], "", "", None, None, depth))
                continue
            props = node.props if node else {}
            label = node.label if node else self._fallback
            version = props.get("version") if label == "Model" else None
            field = props.get("field") if label == "Column" else None
            nodes.append(
                TraceNode(
                    key,
                    label,
                    refs[key],
                    str(props.get("name", "")),
                    str(props.get("namespace", "")),
                    None if version is None else str(version),
                    None if field is None else str(field),
                    depth,
                    notes.get(key, {}),
                )
            )
        return tuple(nodes), unnoted

    def _notes(self, nodes: Sequence[Node]) -> tuple[dict[str, dict[str, Json]], int]:
        notes: dict[str, dict[str, Json]] = {
            node.key: {"content": PASSED_ON} for node in nodes if node.key in self.reached.passed_on
        }
        # The walk may have taken all its time; what it found is of use with its notes only.
        deadline = self.deadline.again(self.limits.seconds)
        for begin in range(0, len(nodes) if self.annotators else 0, ANNOTATED_AT_ONCE):
            some = nodes[begin : begin + ANNOTATED_AT_ONCE]
            try:
                with self.state.within(deadline):
                    said = [annotate(self.state, some, self.as_of) for annotate in self.annotators]
            except OutOfTime:
                return notes, len(nodes) - begin
            for one in said:
                for key, note in one.items():
                    notes.setdefault(key, {}).update(note)
            if deadline.passed():
                return notes, len(nodes) - begin - len(some)
        return notes, 0

    def _mentioned(self) -> set[str]:
        nodes = self.reached.nodes
        keys = [key for key in nodes if nodes[key].label == "Dataset"]
        return self.state.mentioned(keys) if keys else set()

    def _unresolved(
        self, keys: Sequence[str], refs: Mapping[str, str], unnamed: set[str], mentioned: set[str]
    ) -> tuple[Unresolved, ...]:
        found = []
        for key in keys:
            node = self.reached.nodes.get(key)
            if key in unnamed:
                found.append(Unresolved(refs[key], "no-name"))
            elif key in mentioned:
                found.append(Unresolved(refs[key], "mentioned"))
            elif (
                node is not None
                and node.label == "Column"
                and "ordinal" not in node.props
                and "removed" not in node.props
            ):
                found.append(Unresolved(refs[key], "no-schema"))
        return tuple(sorted(found, key=lambda one: (one.why, one.ref)))


def _label(node: Node | None) -> str:
    return "" if node is None else node.label


def _fitting(
    nodes: Sequence[TraceNode],
    edges: Sequence[TraceEdge],
    places: Mapping[str, int],
    begin: int,
    most: int,
) -> int:
    """How many of the nodes fit with their edges, at least one."""
    if (len(nodes) + len(edges)) * NEVER_LARGE <= most:
        return len(nodes)
    sizes = [len(msgspec.json.encode(node)) for node in nodes]
    for edge in edges:
        later = max(places[edge.src], places[edge.dst]) - begin
        sizes[later] += len(msgspec.json.encode(edge))
    total = 0
    for number, size in enumerate(sizes):
        total += size
        if total > most and number:
            return number
    return len(nodes)
