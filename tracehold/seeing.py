"""What a caller may see: one rule, one object, asked by every question.

A thing is seen where its namespace is open, or a grant covers it, *and* grants that cover it open
every guarded class it has. A column is seen with its dataset, a run with its job. What has no
namespace, as models have none, is open by its place. Whoever judges, executes or audits sees all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final, Protocol

from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.identity import Identity
from lineage.refs import ColumnRef, DatasetRef, ModelRef, parse_ref
from lineage.trace.model import Allowed

__all__ = ["EVERYTHING", "MASK", "Opening", "Seeing", "Sight"]

MASK: Final = "hidden"
"""Stands where a reference would."""

_REFERENCE: Final = re.compile(r"\b(?:dataset|column|job|run):\[|\bmodel:")
_READINGS: Final = 200
"""Places where a name may end that are tried."""
_ENDS: Final = re.compile(r" → |: |; |, |[)\]\"'`\s]|\Z")


class Opening(Protocol):
    """A grant in force, as far as the rule needs it."""

    @property
    def namespaces(self) -> Sequence[str]:
        """Patterns of the namespaces it opens; ``*`` stands for anything."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """Guarded classes of sensitivity that it opens there."""
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """The rule for one caller at one moment.

    Attributes:
        open: Patterns of namespaces that need no grant.
        openings: Grants in force.
        everything: True for whoever sees all.
    """

    open: tuple[str, ...] = ()
    openings: tuple[Opening, ...] = ()
    everything: bool = False

    def sees(self, namespace: str, classes: frozenset[str] = frozenset()) -> bool:
        """Whether a thing of a namespace and with these guarded classes may be seen."""
        if self.everything:
            return True
        covering = [one for one in self.openings if _matches(namespace, one.namespaces)]
        if namespace and not covering and not _matches(namespace, self.open):
            return False
        return classes <= {name for one in covering for name in one.classes}

    def sees_everywhere(self, classes: frozenset[str]) -> bool:
        """Whether every namespace is open, and with it each of these guarded classes."""
        if self.everything:
            return True
        opened = [one.classes for one in self.openings if "*" in one.namespaces]
        return bool(opened or "*" in self.open) and classes <= {n for some in opened for n in some}


def _matches(namespace: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)


class Seeing:
    """What one caller may see of one state."""

    def __init__(
        self,
        sight: Sight,
        marks: Mapping[str, frozenset[str]],
        identity: Identity | None,
        who: str = "",
    ) -> None:
        """What is seen.

        Args:
            sight: The rule.
            marks: Guarded classes per key of a dataset or a model.
            identity: Derives keys; needed unless everything is seen.
            who: Opaque id of the caller.
        """
        self.who: Final = who
        self.sight: Final = sight
        self.marks: Final = marks
        self._identity = identity
        self._places: dict[str, bool] = {}
        self._named: dict[tuple[str, str], bool] = {}
        self._texts: dict[str, str] = {}
        self.limited: Final = not sight.sees_everywhere(frozenset().union(*marks.values()))
        """Whether anything is hidden at all."""

    @property
    def allowed(self) -> Allowed | None:
        """Says of a node whether it may be seen; None where everything may."""
        return self.sees if self.limited else None

    def sees(self, node: Node) -> bool:
        """Whether a node may be seen; what is neither data nor work on it has nothing to hide."""
        if not self.limited:
            return True
        props = node.props
        namespace = str(props.get("namespace") or "")
        if node.label == "Column":
            return self._under(namespace, str(props.get("name") or ""))
        if node.label in ("Dataset", "Model", "Version"):
            return self._at(namespace, node.key)
        return self._place(namespace)

    def sees_place(self, namespace: str) -> bool:
        """Whether what has no guarded class may be seen in a namespace."""
        return not self.limited or self._place(namespace)

    def sees_ref(self, text: str) -> bool:
        """Whether what a reference names may be seen; what is no reference hides nothing."""
        if not self.limited:
            return True
        try:
            ref = parse_ref(text)
        except InvalidInput:
            return self._at("", text.rpartition(":?")[2])
        assert self._identity is not None  # noqa: S101 - who is limited has one
        if isinstance(ref, ColumnRef):
            return self._under(ref.dataset.namespace, ref.dataset.name)
        if isinstance(ref, DatasetRef):
            return self._at(ref.namespace, ref.key(self._identity))
        if isinstance(ref, ModelRef):
            return self._at("", ref.key(self._identity))
        return self._place(ref.namespace)

    def sees_all(self, texts: Sequence[str]) -> bool:
        """Whether everything that is named may be seen."""
        return all(self.sees_ref(text) for text in texts)

    def sees_any(self, texts: Sequence[str]) -> bool:
        """Whether something that is named may be seen."""
        return not self.limited or any(self.sees_ref(text) for text in texts)

    def masked(self, answer: Json) -> Json:
        """An answer in which no text names what may not be seen.

        The last of two nets: a question leaves out what is hidden; names inside what is shown (the
        path of a verdict, the other name of a dataset) are put out here.
        """
        if not self.limited:
            return answer
        if isinstance(answer, str):
            # Most texts are no references, and have no colon.
            return self._masked_text(answer) if ":" in answer else answer
        if isinstance(answer, dict):
            if self._names_hidden(answer):
                return {"namespace": MASK, "name": MASK}
            return {self.masked(name): self.masked(value) for name, value in answer.items()}
        if isinstance(answer, list | tuple):
            return [self.masked(one) for one in answer]
        return answer

    def _names_hidden(self, said: Mapping[str, Json]) -> bool:
        """Whether it is a dataset or a job, as OpenLineage writes them, that may not be seen."""
        namespace, name = said.get("namespace"), said.get("name")
        if not isinstance(namespace, str) or not isinstance(name, str):
            return False
        return not self._under(namespace, name)

    def _masked_text(self, text: str) -> str:
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = self._put_out(text)
        return known

    def _put_out(self, text: str) -> str:
        done, parts = 0, []
        for found in _REFERENCE.finditer(text):
            begin = found.start()
            if begin < done:
                continue
            # A name may hold what ends one: of all readings the longest that is hidden counts.
            ends = [end.start() for end in islice(_ENDS.finditer(text, found.end()), _READINGS)]
            for end in reversed(ends):
                if not self.sees_ref(text[begin:end]):
                    parts += [text[done:begin], MASK]
                    done = end
                    break
        return "".join([*parts, text[done:]]) if parts else text

    def _at(self, namespace: str, key: str) -> bool:
        classes = self.marks.get(key)
        return self._place(namespace) if classes is None else self.sight.sees(namespace, classes)

    def _under(self, namespace: str, name: str) -> bool:
        """Whether a dataset of that name, and so its columns, may be seen."""
        seen = self._named.get((namespace, name))
        if seen is None:
            assert self._identity is not None  # noqa: S101 - who is limited has one
            key = self._identity.key("Dataset", namespace, name)
            seen = self._named[namespace, name] = self._at(namespace, key)
        return seen

    def _place(self, namespace: str) -> bool:
        seen = self._places.get(namespace)
        if seen is None:
            seen = self._places[namespace] = self.sight.sees(namespace)
        return seen


EVERYTHING: Final = Seeing(Sight(everything=True), {}, None)
"""Of who reads the workspace's own files."""
