"""Crossing from one name of a thing to another: the walk goes on where an alias leads somewhere.

An alias has no direction of its own; in an answer its edge points the way that the walk took. Names
that lead nowhere are left out: they are the same thing again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from lineage.graph.content import Aliases, Contents
from lineage.graph.port import Closure, Direction, Edge, Limits
from lineage.graph.walk import Deadline

__all__ = ["cross", "leading_on", "oriented", "with_names"]


def cross(
    starts: Sequence[str],
    aliases: Aliases,
    limits: Limits,
    deadline: Deadline,
    closure: Callable[[Sequence[str]], Closure],
) -> Contents:
    """How things are wired from ``starts``, going on from every other name of what is reached.

    Args:
        starts: Where it begins.
        aliases: Other names as they are at the moment.
        limits: What all of it may cost.
        deadline: When all of it must end.
        closure: Asks the engine what is reached from some keys.
    """
    first = closure(starts)
    frontier = aliases.of(first.depths) - first.depths.keys()
    if not frontier:
        reached = frozenset(first.depths)
        return Contents(first.depths, first.edges, {}, reached, {}, first.truncated, first.nodes)
    depths, edges = dict(first.depths), {edge.id: edge for edge in first.edges}
    nodes = dict(first.nodes)
    truncated = dict.fromkeys(first.truncated)
    while frontier:
        if len(depths) + len(frontier) > limits.nodes:
            truncated["nodes"] = None
            break
        if deadline.passed():
            truncated["time"] = None
            break
        more = closure(sorted(frontier))
        truncated |= dict.fromkeys(more.truncated)
        edges |= {edge.id: edge for edge in more.edges}
        nodes |= more.nodes
        fresh = (more.depths.keys() | frontier) - depths.keys()
        depths |= dict.fromkeys(fresh, 0)
        frontier = aliases.of(fresh) - depths.keys()
    passed = [edges[number] for number in sorted(edges)]
    return Contents(depths, passed, {}, frozenset(depths), {}, tuple(truncated), nodes)


def with_names(
    found: Contents,
    starts: Iterable[str],
    aliases: Aliases,
    direction: Direction,
    limits: Limits,
) -> Contents:
    """The same with the edges between names, and distances that count them."""
    among = aliases.edges_among(found.depths)
    if not among:
        return found
    begin = [key for key in dict.fromkeys(starts) if key in found.depths]
    used = leading_on(found.edges, among, begin)
    depths = _depths(begin, found.edges, used, direction)
    near = {key for key, depth in depths.items() if depth <= limits.depth}
    names = [oriented(edge, depths, direction) for edge in used if {edge.src, edge.dst} <= near]
    truncated = found.truncated
    if len(near) < len(depths) and "depth" not in truncated:
        truncated = ("depth", *truncated)
    return replace(
        found,
        depths={key: depths[key] for key in depths if key in near},
        edges=[*(e for e in found.edges if e.src in near and e.dst in near), *names],
        inside=found.inside & near,
        truncated=truncated,
    )


def leading_on(edges: Sequence[Edge], among: Sequence[Edge], starts: Sequence[str]) -> list[Edge]:
    """The names on a way to more than a name: dead ends are taken off one by one."""
    fed = {*starts, *(end for edge in edges for end in (edge.src, edge.dst))}
    partners: dict[str, set[str]] = {}
    for edge in among:
        partners.setdefault(edge.src, set()).add(edge.dst)
        partners.setdefault(edge.dst, set()).add(edge.src)
    dead = [key for key, others in partners.items() if key not in fed and len(others) == 1]
    gone: set[str] = set()
    while dead:
        key = dead.pop()
        gone.add(key)
        for other in partners[key] - gone:
            partners[other].discard(key)
            if other not in fed and len(partners[other]) <= 1:
                dead.append(other)
    return [edge for edge in among if not {edge.src, edge.dst} & gone]


def _depths(
    starts: Sequence[str], edges: Iterable[Edge], names: Iterable[Edge], direction: Direction
) -> dict[str, int]:
    onward: dict[str, list[str]] = {}
    for edge in edges:
        near, far = (edge.dst, edge.src) if direction == "up" else (edge.src, edge.dst)
        onward.setdefault(near, []).append(far)
    for edge in names:
        onward.setdefault(edge.src, []).append(edge.dst)
        onward.setdefault(edge.dst, []).append(edge.src)
    depths = dict.fromkeys(starts, 0)
    pending = deque(depths)
    while pending:
        key = pending.popleft()
        for far in onward.get(key, ()):
            if far not in depths:
                depths[far] = depths[key] + 1
                pending.append(far)
    return depths


def oriented(edge: Edge, depths: Mapping[str, int], direction: Direction) -> Edge:
    """An edge between names, pointing as data flows on the way that the walk took."""
    near, far = sorted((edge.src, edge.dst), key=lambda key: (depths[key], key))
    src, dst = (far, near) if direction == "up" else (near, far)
    return structs.replace(edge, src=src, dst=dst)
