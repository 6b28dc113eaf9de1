"""Reading the manifests of a workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from catalog.licenses.terms import ContractTerms
from catalog.manifests.bind import bind
from catalog.manifests.datasets import Dataset
from catalog.manifests.document import MAX_BYTES, Mapping, Scalar, Tree, read_documents
from catalog.manifests.models import Model
from catalog.manifests.policy import Place, Policy, digest_of
from catalog.manifests.problems import Problem, one_of
from catalog.manifests.retention import RetentionClass
from lineage.errors import NotFound

__all__ = ["KINDS", "load"]

KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "dataset": Dataset,
    "retention": RetentionClass,
    "model": Model,
    "license": ContractTerms,
}
"""Kind of a manifest → the struct that it fills."""

_SUFFIXES: Final = frozenset({".yaml", ".yml"})


def load(root: Path) -> Policy:
    """Read every manifest below ``manifests`` of a workspace.

    Problems are collected; what can be read is in the policy all the same.

    Args:
        root: The workspace.

    Raises:
        NotFound: There is no such folder.
    """
    folder = root / "manifests"
    if not folder.is_dir():
        raise NotFound(
            "the workspace has no manifests",
            where=str(folder),
            advice="make a workspace with tracehold init",
        )
    made = _Loading(root)
    for path in sorted(_files(folder, made)):
        made.file(path)
    return made.policy()


def _files(folder: Path, made: _Loading) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(at, name)
            hidden = name.startswith(".")
            if path.is_symlink() and not hidden:
                made.problem(path, 1, "it is a symbolic link", "put the file itself there")
            elif name in names and path.suffix in _SUFFIXES and not hidden:
                yield path
        folders[:] = sorted(one for one in folders if not one.startswith("."))


class _Loading:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.places: dict[str, Place] = {}
        self.found: dict[str, dict[str, msgspec.Struct]] = {kind: {} for kind in KINDS}

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def problem(self, path: Path, line: int, what: str, fix: str) -> None:
        self.problems.append(Problem(self.name(path), line, "", what, fix))

    def file(self, path: Path) -> None:
        try:
            with path.open("rb") as opened:
                raw = opened.read(MAX_BYTES + 1)
        except OSError as error:
            what = f"the file cannot be read ({error.strerror or type(error).__name__})"
            return self.problem(path, 1, what, "make it readable")
        if len(raw) > MAX_BYTES:
            what = f"the file is larger than {MAX_BYTES} bytes"
            return self.problem(path, 1, what, "split it; several files are read")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            return self.problem(path, line, "the file is not UTF-8", "save it as UTF-8")
        documents, problems = read_documents(text, self.name(path))
        self.problems += problems
        for document in documents:
            self.document(document, path)
        return None

    def document(self, document: Tree, path: Path) -> None:
        if not isinstance(document, Mapping):
            return self.problem(path, document.line, "a manifest has fields", "write kind: dataset")
        kind = document.items.pop("kind", None)
        if not isinstance(kind, Scalar):
            fix = f"write kind: {', '.join(KINDS)}"
            return self.problem(path, document.line, "the manifest does not say its kind", fix)
        file = self.name(path)
        if kind.text not in KINDS:
            what = f"there is no kind {kind.text!r}"
            fix = one_of(kind.text, KINDS, "kinds")
            self.problems.append(Problem(file, kind.line, "kind", what, fix))
            return None
        name = _name(kind.text, document)
        place = Place(file, document)
        if name and not self.announce(kind.text, name, place):
            return None
        made, problems = bind(document, KINDS[kind.text], file)
        self.problems += problems
        if made is not None:
            self.found[kind.text][name] = made
        return None

    def announce(self, kind: str, name: str, place: Place) -> bool:
        """Note that a manifest exists, even if it cannot be used; False where it is a second."""
        first = self.places.setdefault(f"{kind}:{name}", place)
        if first is place:
            return True
        what = f"the {kind} {name} is written twice"
        fix = f"keep one of them; the first is in {first.file}:{first.tree.line}"
        self.problems.append(place.problem(("name",), what, fix))
        return False

    def policy(self) -> Policy:
        found = self.found
        datasets = {k: v for k, v in found["dataset"].items() if isinstance(v, Dataset)}
        classes = {k: v for k, v in found["retention"].items() if isinstance(v, RetentionClass)}
        models = {k: v for k, v in found["model"].items() if isinstance(v, Model)}
        licenses = {k: v for k, v in found["license"].items() if isinstance(v, ContractTerms)}
        return Policy(
            root=self.root,
            datasets=datasets,
            retention_classes=classes,
            models=models,
            licenses=licenses,
            digest=digest_of(datasets, classes, models, licenses),
            problems=tuple(sorted(self.problems)),
            places=self.places,
        )


def _name(kind: str, document: Mapping) -> str:
    """How a manifest of this kind is called, read before anything is held to its type."""

    def text(field: str) -> str:
        node = document.items.get(field)
        return node.text if isinstance(node, Scalar) else ""

    if kind == "license":
        return text("id")
    if kind == "model":
        return f"{text('name')}@{text('version')}" if text("name") else ""
    return text("name")
