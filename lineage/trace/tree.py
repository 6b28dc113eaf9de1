"""A trace as a text tree, at most 80 terminal cells wide unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.trace.model import Coverage, Trace, TraceEdge, TraceNode
from lineage.trace.names import clean, display_width, wrap

__all__ = ["WIDTH", "coverage_text", "moment_text", "short", "summary", "text"]

WIDTH: Final = 80
NARROWEST: Final = 40
DOT: Final = " · "
SHOWN_ABOVE: Final = " (shown above)"
SAME_TERMS: Final = "same terms"
FILES: Final = "file"
"""Namespace of what is known by its path."""
HAPPENED: Final = frozenset({"content", "deletion", "holds", "purged", "waivers"})
"""Annotations that tell what happened to one thing, and are no terms of it."""
WHY: Final = {
    "no-name": "no name:",
    "mentioned": "by mention alone:",
    "no-schema": "in no schema:",
}
"""How things of which little more than a name is known are listed."""
VOCABULARIES: Final = ("dpv:", "eu-gdpr:")
"""Prefixes that codes are read without."""


@dataclass(frozen=True, slots=True)
class _Line:
    node: TraceNode
    edges: tuple[TraceEdge, ...]
    bars: tuple[bool, ...]
    """Per level whether a later sibling follows; the last is the line's own."""
    again: bool
    parent: bool
    near: TraceNode | None
    """The node one step nearer to where the trace begins."""


def text(trace: Trace, *, width: int = WIDTH) -> str:
    """The tree, what to know about it, and a summary line.

    Each node stands in full once; where the walk meets it again it says ``(shown above)``. Nothing
    is cut off: what is too long goes on in the next line.

    Args:
        trace: What to draw.
        width: Terminal cells per line, at least 40.
    """
    width = max(width, NARROWEST)
    lines: list[str] = []
    for line in _lines(trace):
        lines += _draw(line, width)
    if trace.to is not None and not trace.nodes:
        lines += _fold(f"no path between {clean(trace.ref)} and {clean(trace.to)}", width, "", "  ")
    lines.append("")
    for reason in trace.reasons:
        sign = "!" if reason.missing else "i"
        go_on = f"; {reason.advice}" if reason.advice else ""
        lines += _fold(f"{sign} {reason.text}{go_on}", width, "", "  ")
    for one in trace.unresolved:
        lines += _fold(f"? {WHY[one.why]} {clean(one.ref)}", width, "", "  ")
    lines += _fold(coverage_text(trace.coverage), width, "", "  ")
    lines += _fold(summary(trace), width, "", "  ")
    return "\n".join(lines) + "\n"


def summary(trace: Trace) -> str:
    """``complete · 14 nodes · as of … · known at fact N · answered by sql``."""
    nodes = len(trace.nodes)
    counted = f"{nodes:,} node{'' if nodes == 1 else 's'}"
    if trace.total is not None and trace.total != nodes:
        counted = f"{nodes:,} of {trace.total:,} nodes"
    parts = [
        "complete" if trace.complete else "incomplete",
        counted,
        f"as of {moment_text(trace.as_of)}",
        f"known at fact {trace.known_at}",
        f"answered by {clean(trace.answered_by)}",
    ]
    return DOT.join(parts)


def short(value: Json) -> str:
    """The short form of an annotation's value; empty where there is nothing to show."""
    if value == {}:
        return "none"
    if isinstance(value, Mapping):
        if "short" in value:
            return short(value["short"])
        return ", ".join(
            f"{clean(str(name))} {short(item)}" for name, item in value.items() if short(item)
        )
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(short, value)))
    if isinstance(value, bool):
        return "yes" if value else ""
    if value is None:
        return ""
    said = clean(str(value))
    return next((said[len(p) :] for p in VOCABULARIES if said.startswith(p)), said)


def moment_text(millis: int) -> str:
    """A date where it is midnight, else the time as exact as it is; in UTC."""
    moment = format_millis(millis)
    return moment.removesuffix("T00:00:00.000Z").replace(".000Z", "Z")


def _lines(trace: Trace) -> Iterator[_Line]:
    up = trace.direction == "up"
    nodes = {node.key: node for node in trace.nodes}
    children: dict[str, dict[str, list[TraceEdge]]] = {}
    for edge in trace.edges:
        near, far = (edge.dst, edge.src) if up else (edge.src, edge.dst)
        children.setdefault(near, {}).setdefault(far, []).append(edge)
    # Further pages begin below nodes of the pages before.
    led_to = {
        far
        for near, some in children.items()
        for far in some
        if near in nodes and far in nodes and nodes[near].depth < nodes[far].depth
    }
    roots = [node for node in trace.nodes if node.key not in led_to]
    seen: set[str] = set()
    # A stack, not recursion: depth is the user's to choose.
    pending: list[tuple[TraceNode, tuple[TraceEdge, ...], tuple[bool, ...], TraceNode | None]] = [
        (root, (), (), None) for root in reversed(roots)
    ]
    while pending:
        node, edges, bars, nearer = pending.pop()
        again = node.key in seen
        below = [] if again else _ordered(children.get(node.key, {}), nodes)
        seen.add(node.key)
        yield _Line(node, edges, bars, again, bool(below), nearer)
        last = len(below) - 1
        pending += [
            (child, hops, (*bars, number < last), node)
            for number, (child, hops) in reversed(list(enumerate(below)))
        ]


def _ordered(
    table: Mapping[str, Sequence[TraceEdge]], nodes: Mapping[str, TraceNode]
) -> list[tuple[TraceNode, tuple[TraceEdge, ...]]]:
    found = [(nodes[key], tuple(edges)) for key, edges in table.items() if key in nodes]
    return sorted(found, key=lambda item: (item[0].ref, item[0].key))


def _draw(line: _Line, width: int) -> list[str]:
    own, under = _prefixes(line, width)
    title = [clean(line.node.ref), *_hops(line.edges)]
    if line.again:
        return _packed([*title[:-1], title[-1] + SHOWN_ABOVE], width, own, under)
    same, notes = _notes(line)
    title += [SAME_TERMS] if same else []
    return _packed(title, width, own, under) + _packed(notes, width, under, under)


def _notes(line: _Line) -> tuple[bool, list[str]]:
    """Whether a file and the dataset read from it have the same terms, and what else is said."""
    said = _said(line.node)
    other = line.near
    if other is None or (line.node.namespace == FILES) == (other.namespace == FILES):
        return False, list(said.values())
    terms = {name: note for name, note in said.items() if name not in HAPPENED}
    above = {name: note for name, note in _said(other).items() if name not in HAPPENED}
    if not terms or terms != above:
        return False, list(said.values())
    return True, [note for name, note in said.items() if name in HAPPENED]


def _said(node: TraceNode) -> dict[str, str]:
    return {
        name: f"{clean(name).replace('_', ' ')} {said}"
        for name, value in node.annotations.items()
        if (said := short(value))
    }


def _packed(parts: Sequence[str], width: int, own: str, under: str) -> list[str]:
    """Parts in lines; one that fits a line stands in one, a longer one has its lines to itself."""
    lines: list[str] = []
    open_line = False
    for part in parts:
        prefix = under if lines else own
        longer = f"{lines[-1]}{DOT}{part}" if open_line else ""
        if longer and display_width(longer) <= width:
            lines[-1] = longer
            continue
        folded = _fold(part, width, prefix, under)
        lines += folded
        open_line = len(folded) == 1
    return lines


def _hops(edges: Iterable[TraceEdge]) -> list[str]:
    """What moves the data: each job once with its kinds, then roles."""
    kinds: dict[str, dict[str, None]] = {}
    for edge in edges:
        if edge.type != "HAS_COLUMN":
            kinds.setdefault(edge.job_name, {})[_kind(edge)] = None
    hops = [
        f"{clean(job)} ({', '.join(some)})" if job else ", ".join(some)
        for job, some in kinds.items()
    ]
    roles = dict.fromkeys(edge.role for edge in edges if edge.role)
    return hops + [f"role {clean(role)}" for role in roles]


def _kind(edge: TraceEdge) -> str:
    kind = clean(edge.kind)
    return f"{kind}, inferred" if edge.inferred else kind


def _prefixes(line: _Line, width: int) -> tuple[str, str]:
    """What stands left of the first line, and of those under it."""
    if not line.bars:
        return "", "│  " if line.parent else "   "
    room = width // 2
    outer = [("│  " if more else "   ") for more in line.bars[:-1]]
    hidden = 0
    if 3 * len(line.bars) > room:
        # Deep inside a long chain the level is told as a number instead.
        hidden = len(outer) - room // 3
        outer = outer[hidden:]
    head = f"{len(line.bars)}⋯ " if hidden else ""
    stem = head + "".join(outer)
    more = line.bars[-1]
    blank = " " * display_width(head) + "".join(outer) + ("│  " if more else "   ")
    return stem + ("├─ " if more else "└─ "), blank + ("│  " if line.parent else "")


def _fold(content: str, width: int, own: str, under: str) -> list[str]:
    pieces = wrap(content, width - display_width(own), width - display_width(under))
    return [own + pieces[0], *(under + piece for piece in pieces[1:])]


def coverage_text(known: Coverage) -> str:
    """``estate: 12 datasets, 8% without lineage, … · 3 files``."""
    files = f"{known.files:,} file{'' if known.files == 1 else 's'} known by path"
    if not known.datasets:
        return f"estate: {files}" if known.files else "estate: no datasets"
    lacks = ", ".join(
        f"{known.share(count):.0%} without {what}"
        for count, what in (
            (known.without_lineage, "lineage"),
            (known.without_owner, "owner"),
            (known.without_class, "retention class"),
        )
    )
    noun = "dataset" if known.datasets == 1 else "datasets"
    counted = f"estate: {known.datasets:,} {noun}, {lacks}"
    return f"{counted}{DOT}{files}" if known.files else counted
