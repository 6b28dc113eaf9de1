"""What lies on the ways between two things; never the ways themselves, of which there can be many.

A node lies on a way from A to B where A reaches it and it reaches B, so two closures tell. In the
content view the same holds for what passed: see ``lineage.graph.content.passages_between``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lineage.graph.content import Aliases, Contents, passages_between
from lineage.graph.port import Edge, Spans
from lineage.trace.crossing import cross, leading_on, oriented
from lineage.trace.reached import Question, Reached, Walkable, first_edges

__all__ = ["between_columns", "between_datasets"]


def between_datasets(ask: Question, start: str, end: str) -> Reached:
    """Datasets and models on any way from the start to the end, in the direction asked for."""
    src, dst = (end, start) if ask.direction == "up" else (start, end)
    aliases = Aliases(ask.engine, ask.as_of, view=ask.view, same_as=ask.state.same_as)
    walked = _between(ask, [src], {dst: _now(ask)}, "FEEDS", begin={}, aliases=aliases)
    names = aliases.edges_among(walked.depths)
    return _measured(ask, start, end, walked, edges=walked.edges, names=names)


def between_columns(ask: Question, ends: tuple[str, str], labels: tuple[str, str]) -> Reached:
    """Columns on any way from one end to the other, in the direction asked for.

    Args:
        ask: The question.
        ends: Where the trace begins, and where it leads.
        labels: The label of each; of a dataset all columns count, of a model those of the datasets
            next to it.
    """
    start, end = ends
    if ask.direction == "up":
        (dst, src), (dst_label, src_label) = ends, labels
    else:
        (src, dst), (src_label, dst_label) = ends, labels
    outward, inward = ask.turned("down"), ask.turned("up")
    opening, begin, bare = first_edges(outward, src, src_label)
    closing, wanted, bare_too = first_edges(inward, dst, dst_label)
    starts = [src] if src_label == "Column" else list(dict.fromkeys(e.dst for e in opening))
    targets = [dst] if dst_label == "Column" else list(dict.fromkeys(e.src for e in closing))
    spans = {key: wanted.get(key, _now(ask)) for key in targets}
    walked = _between(ask, starts, spans, "FEEDS_COLUMN", begin=begin, aliases=None)
    known = walked.depths.keys()
    edges = [
        *(edge for edge in opening if edge.dst in known),
        *walked.edges,
        *(edge for edge in closing if edge.src in known),
    ]
    found = _measured(ask, start, end, walked, edges=edges, names=())
    if bare + bare_too:
        found.gaps["no-columns"] = bare + bare_too
    return found


def _now(ask: Question) -> Spans:
    return ((ask.as_of, ask.as_of + 1),)


def _between(
    ask: Question,
    starts: Sequence[str],
    ends: Mapping[str, Spans],
    edge_type: Walkable,
    *,
    begin: Mapping[str, Spans],
    aliases: Aliases | None,
) -> Contents:
    """From the starts to the ends, along the flow of data."""
    if ask.view == "content":
        return passages_between(
            ask.engine,
            starts,
            ends,
            as_of=ask.as_of,
            limits=ask.limits,
            passages=ask.passages,
            edge_type=edge_type,
            aliases=aliases,
            begin=begin,
            deadline=ask.deadline,
        )
    edges, reached, truncated = _closure(ask.turned("up"), list(ends), edge_type, aliases)
    if truncated:
        # From the other end it may be less; one whole closure holds every way.
        more, others, truncated_too = _closure(ask.turned("down"), starts, edge_type, aliases)
        edges = list({edge.id: edge for edge in (*edges, *more)}.values())
        reached, truncated = reached | others, truncated if truncated_too else ()
    names = aliases.edges_among(reached) if aliases else ()
    pairs = [(edge.src, edge.dst) for edge in edges] + _both_ways(names)
    forth = _depths(starts, pairs)
    back = _depths(ends, ((far, near) for near, far in pairs))
    depths = {key: depth for key, depth in forth.items() if key in back}
    kept = [edge for edge in edges if edge.src in depths and edge.dst in depths]
    return Contents(depths, kept, {}, frozenset(depths), {}, truncated)


def _closure(
    ask: Question, starts: Sequence[str], edge_type: Walkable, aliases: Aliases | None
) -> tuple[list[Edge], set[str], tuple[str, ...]]:
    """Edges, nodes and limits of what is wired, crossing to other names where there are any."""
    if aliases is None:
        closure = ask.closure(starts, edge_type, ask.limits)
        return list(closure.edges), set(closure.depths), closure.truncated
    crossed = cross(
        starts, aliases, ask.limits, ask.deadline,
        lambda some: ask.closure(some, edge_type, ask.limits),
    )  # fmt: skip
    return list(crossed.edges), set(crossed.depths), crossed.truncated


def _measured(
    ask: Question,
    start: str,
    end: str,
    walked: Contents,
    *,
    edges: Sequence[Edge],
    names: Sequence[Edge],
) -> Reached:
    """With distances from where the trace begins; empty where no way leads to the end."""
    used = leading_on(edges, names, [start, end])
    pairs = [(ask.near(edge), ask.far(edge)) for edge in edges] + _both_ways(used)
    depths = _depths([start], pairs)
    if end not in depths:
        return Reached({}, [], walked.truncated, {"no-path": 1})
    shown = [
        *(edge for edge in edges if edge.src in depths and edge.dst in depths),
        *(oriented(e, depths, ask.direction) for e in used if e.src in depths and e.dst in depths),
    ]
    return Reached(depths, shown, walked.truncated, nodes=ask.state.nodes(list(depths)))


def _both_ways(names: Iterable[Edge]) -> list[tuple[str, str]]:
    return [pair for edge in names for pair in ((edge.src, edge.dst), (edge.dst, edge.src))]


def _depths(starts: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Distance of everything that pairs (near, far) lead to."""
    beyond: dict[str, list[str]] = {}
    for near, far in pairs:
        beyond.setdefault(near, []).append(far)
    depths = dict.fromkeys(starts, 0)
    level = list(depths)
    while level:
        fresh = {far: None for near in level for far in beyond.get(near, ()) if far not in depths}
        depths.update(dict.fromkeys(fresh, depths[level[0]] + 1))
        level = list(fresh)
    return depths
