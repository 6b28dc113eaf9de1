"""A difference for people, programs and pull requests: text, JSON, Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.trace.breaking import Break
from lineage.trace.diff import Change, Difference, Side
from lineage.trace.names import clean, display_width, wrap
from lineage.trace.tree import WIDTH, coverage_text, moment_text, short

__all__ = ["as_json", "markdown", "text"]

SIGNS: Final = {"in": "+", "out": "-", "changed": "~"}
NOTHING: Final = "(nothing)"


def as_json(found: Difference, breaking: Sequence[Break] = ()) -> dict[str, Json]:
    """The difference as JSON values; moments are RFC 3339."""
    built: dict[str, Json] = msgspec.to_builtins(found, str_keys=True)
    built["breaking"] = msgspec.to_builtins(breaking, str_keys=True)
    for side in ("before", "after"):
        built[side]["as_of"] = format_millis(built[side]["as_of"])
    built["different"] = bool(found.changes)
    return built


def text(found: Difference, breaking: Sequence[Break] = (), *, width: int = WIDTH) -> str:
    """What breaks readers, one line per change under its topic, what to know about both sides."""
    lines = [*_fold(_heading(found), width, "")]
    lines += ["", "breaking"] if breaking else []
    for one in breaking:
        lines += _fold(f"! {_breaking(one)}", width, "  ")
    for topic, changes in groupby(found.changes, key=lambda change: change.topic):
        lines += ["", clean(topic).replace("_", " ")]
        for change in changes:
            lines += _fold(f"{SIGNS[change.what]} {_line(change)}", width, "  ")
    lines.append("")
    for side in (found.before, found.after):
        for reason in side.reasons:
            sign = "!" if reason.missing else "i"
            lines += _fold(f"{sign} {moment_text(side.as_of)}: {reason.text}", width, "")
    lines += _fold(coverage_text(found.coverage), width, "")
    lines += _fold(_summary(found), width, "")
    return "\n".join(lines) + "\n"


def markdown(found: Difference, breaking: Sequence[Break] = ()) -> str:
    """For a pull request: a heading, what breaks readers, a table per topic, what is missing."""
    lines = [f"### Changed: {_escape(found.after.ref)}", "", _escape(_between(found)), ""]
    lines += [f"- **Breaking**: {_escape(_breaking(one))}" for one in breaking]
    lines += [""] if breaking else []
    for topic, changes in groupby(found.changes, key=lambda change: change.topic):
        lines += [f"#### {_escape(topic.replace('_', ' ').capitalize())}", ""]
        lines += ["| | what | before | after |", "|---|---|---|---|"]
        for change in changes:
            cells = (_subject(change), _value(change.before), _value(change.after))
            shown = " | ".join(_escape(cell) for cell in cells)
            lines.append(f"| {_escape(SIGNS[change.what])} | {shown} |")
        lines.append("")
    missing = dict.fromkeys(
        reason.text for side in (found.before, found.after) for reason in side.reasons
        if reason.missing
    )  # fmt: skip
    lines += [f"- **Not complete**: {_escape(one)}" for one in missing]
    lines += [""] if missing else []
    lines.append(_escape(_summary(found)))
    return "\n".join(lines) + "\n"


def _breaking(one: Break) -> str:
    declared = " (declared)" if one.declared else ""
    if one.kind == "source":
        return f"source lost: {clean(one.ref)}{declared}"
    subject = f"{clean(one.ref)} {clean(one.name)}"
    if one.kind == "drop":
        return f"column dropped: {subject}{declared}"
    verb = "renamed, as it seems" if one.kind == "rename" else "retyped"
    before = "" if one.kind == "rename" else f" {_value(one.before) or NOTHING}"
    return f"column {verb}: {subject}:{before} → {_value(one.after) or NOTHING}{declared}"


def _heading(found: Difference) -> str:
    return f"{clean(found.after.ref)}: {_between(found)}"


def _between(found: Difference) -> str:
    before, after = found.before, found.after
    named = before.ref != after.ref
    return f"from {_moment(before, named=named)} to {_moment(after, named=named)}"


def _moment(side: Side, *, named: bool) -> str:
    moment = f"{moment_text(side.as_of)} (known at fact {side.known_at})"
    return f"{clean(side.ref)} as of {moment}" if named else moment


def _summary(found: Difference) -> str:
    whole = "complete" if found.complete else "incomplete"
    if not found.changes:
        return f"nothing changed · {whole}"
    return (
        f"{found.count('in'):,} in · {found.count('out'):,} out · "
        f"{found.count('changed'):,} changed · {whole}"
    )


def _line(change: Change) -> str:
    values = [_value(v) for v in (change.before, change.after)]
    if change.what == "changed":
        return f"{_subject(change)}: {values[0] or NOTHING} → {values[1] or NOTHING}"
    said = values[0] or values[1]
    return f"{_subject(change)}: {said}" if said else _subject(change)


def _subject(change: Change) -> str:
    if change.topic == "edges":
        return f"{clean(change.ref)} → {clean(change.name)}"
    return f"{clean(change.ref)} {clean(change.name)}" if change.name else clean(change.ref)


def _value(value: Json) -> str:
    if isinstance(value, dict) and value:
        parts = [
            f"{clean(str(name)).replace('_', ' ')} {said}"
            for name, one in value.items()
            if (said := short(one))
        ]
        return " · ".join(parts)
    return short(value)


def _fold(content: str, width: int, indent: str) -> Iterator[str]:
    room = width - display_width(indent)
    first, *rest = wrap(content, room, room - 2)
    yield indent + first
    yield from (f"{indent}  {line}" for line in rest)


def _escape(raw: str) -> str:
    """Everything that Markdown, HTML or a mention could read as syntax."""
    return "".join(
        f"&#{ord(char)};" if char in "<>&@|`#" else f"\\{char}" if char in "\\*_[]~" else char
        for char in clean(raw)
    )
