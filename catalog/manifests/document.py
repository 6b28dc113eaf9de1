"""YAML to a tree that knows its lines, and nothing that YAML could do beyond data.

Tags, anchors and aliases are refused: a manifest is data to be read by people, and an alias can
make a small file expand without end. A scalar stays text here; what type it has is decided by the
field it fills, so that ``NO`` is Norway and ``1.10`` a version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from catalog.manifests.problems import Problem

__all__ = ["MAX_BYTES", "Listing", "Mapping", "Scalar", "Tree", "read_documents"]

MAX_BYTES: Final = 1024 * 1024
"""Largest manifest file."""
_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 100_000
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text. ``plain`` is False where it was quoted or a block."""

    line: int
    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence."""

    line: int
    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping. ``lines`` holds the line of every key."""

    line: int
    items: dict[str, Tree]
    lines: dict[str, int] = field(default_factory=dict)


Tree = Scalar | Listing | Mapping


class _RefusedError(Exception):
    def __init__(self, line: int, what: str, fix: str) -> None:
        super().__init__(what)
        self.line, self.what, self.fix = line, what, fix


def read_documents(text: str, file: str) -> tuple[list[Tree], list[Problem]]:
    """The documents of a file; what comes before a fault is kept.

    Args:
        text: Content of the file.
        file: Name of the file in problems.
    """
    documents: list[Tree] = []
    try:
        events = iter(yaml.parse(text, Loader=_LOADER))
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                tree = _Reader(events).document()
                if not (isinstance(tree, Scalar) and not tree.text and tree.plain):
                    documents.append(tree)
    except _RefusedError as refused:
        return documents, [Problem(file, refused.line, "", refused.what, refused.fix)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = f"the YAML is malformed ({error.problem or error.context})"
        return documents, [Problem(file, line, "", what, "correct the indentation or quoting")]
    except yaml.YAMLError:
        what = "the file holds a character that YAML does not allow"
        return documents, [Problem(file, 1, "", what, "write it as plain UTF-8 text")]
    return documents, []


class _Reader:
    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.nodes = 0

    def document(self) -> Tree:
        return self.tree(next(self.events), 0)

    def tree(self, event: Any, depth: int) -> Tree:
        line = event.start_mark.line + 1
        self.nodes += 1
        if depth > _MAX_DEPTH or self.nodes > _MAX_NODES:
            raise _RefusedError(line, "the document is too large or too deep", "make it simpler")
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise _RefusedError(line, "anchors and aliases are not allowed", "write the value out")
        if event.tag:
            raise _RefusedError(line, "tags are not allowed", "leave out what starts with !")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(line, event.value, plain=event.implicit[0])
        if isinstance(event, yaml.SequenceStartEvent):
            return Listing(line, tuple(self.items(depth)))
        return self.mapping(line, depth)

    def items(self, depth: int) -> Iterator[Tree]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.tree(event, depth + 1)

    def mapping(self, line: int, depth: int) -> Mapping:
        made = Mapping(line, {})
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.tree(event, depth + 1)
            if not isinstance(key, Scalar):
                raise _RefusedError(key.line, "a field name must be a text", "write NAME: VALUE")
            if key.text in made.items:
                first = made.lines[key.text]
                raise _RefusedError(
                    key.line,
                    f"the field {key.text!r} is written twice",
                    f"keep one of them; the first is in line {first}",
                )
            made.lines[key.text] = key.line
            made.items[key.text] = self.tree(next(self.events), depth + 1)
        return made
