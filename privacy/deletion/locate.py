"""Where the copies are: what lineage says, and the same bytes under other names."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from lineage.errors import TraceholdError
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.refs import DatasetRef, ModelRef
from lineage.state.port import StateReader
from privacy.deletion.files import QUARANTINE, FileEraser
from privacy.deletion.plan import Item, Obstacle, OutOfReach

__all__ = ["Located", "inspect_into", "locate", "ref_of", "same_content"]

_PATH_FIELDS = ("path", "uri", "location", "artifact")


@dataclass(slots=True)
class Located:
    """Copies found so far; ``items`` by path."""

    items: dict[str, Item] = field(default_factory=dict)
    out_of_reach: dict[tuple[str, str], OutOfReach] = field(default_factory=dict)
    obstacles: dict[tuple[str, str], Obstacle] = field(default_factory=dict)


def ref_of(node: Node) -> str:
    """The text reference of a dataset or model node."""
    name = str(node.props.get("name", ""))
    if node.label == "Model":
        return str(ModelRef(name, str(node.props.get("version", ""))))
    return str(DatasetRef(str(node.props.get("namespace", "")), name))


def locate(
    state: StateReader, nodes: Mapping[str, Node], eraser: FileEraser, names: Mapping[str, str]
) -> Located:
    """The copies of things by what lineage says of them.

    Args:
        state: Aspects ``storage``, ``provenance``, ``model`` and ``symlinks`` name locations.
        nodes: The things to erase, aliases included, by key.
        eraser: Of the data root; a location outside is out of reach.
        names: Key → reference under which its copies are listed: the governed name of a path.
    """
    located = Located()
    aspects = state.aspects(sorted(nodes), ("storage", "provenance", "model", "symlinks", "source"))
    for key, node in sorted(nodes.items()):
        ref = names.get(key, ref_of(node))
        versions = state.versions(key, limit=1)
        version = versions[0].version if versions else ""
        places = set(_of_name(node))
        for values in aspects.get(key, {}).values():
            for value in values:
                places.update(_of_value(value.value))
        for place in sorted(places):
            _add(located, eraser, ref, version, place)
    return located


def _of_name(node: Node) -> Iterator[str]:
    if node.label == "Dataset" and node.props.get("namespace") == "file":
        yield str(node.props.get("name", ""))


def _of_value(value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _of_value(entry)
    elif isinstance(value, dict):
        if value.get("namespace") == "file" and isinstance(value.get("name"), str):
            yield value["name"]
        for name in _PATH_FIELDS:
            place = value.get(name)
            if isinstance(place, str) and ("://" in place or place.startswith("/")):
                yield place
        if isinstance(value.get("identifiers"), list):
            yield from _of_value(value["identifiers"])


def _add(located: Located, eraser: FileEraser, ref: str, version: str, place: str) -> None:
    parts = urlsplit(place)
    path = place
    if "://" in place:
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
            shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
            why = "not a local file: no eraser for this kind of storage"
            located.out_of_reach[ref, shown] = OutOfReach(ref, shown, why)
            return
        path = unquote(parts.path)
    relative = eraser.relative(path)
    if relative is None:
        why = "outside the data root: nothing outside it is ever deleted"
        located.out_of_reach[ref, path] = OutOfReach(ref, path, why)
        return
    for file in _files(eraser, relative):
        inspect_into(located, eraser, (ref, version), file, "lineage")


def _files(eraser: FileEraser, relative: str) -> Iterator[str]:
    """The path itself, or all files of the folder that it names; links are not followed."""
    absolute = os.path.join(eraser.root, relative)  # noqa: PTH118 - names need not be clean
    try:
        status = os.lstat(absolute)
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        yield relative
        return
    for folder, folders, names in os.walk(absolute, followlinks=False):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
        for name in sorted([*names, *links]):
            yield os.path.relpath(os.path.join(folder, name), eraser.root)  # noqa: PTH118


def inspect_into(
    located: Located, eraser: FileEraser, like: tuple[str, str], path: str, found_by: str
) -> None:
    """Add a file to the items of ``like`` (reference, version), or say why it cannot be erased."""
    ref, version = like
    if path in located.items:
        return
    try:
        found = eraser.inspect(path)
    except TraceholdError as error:
        shown = path.encode(errors="backslashreplace").decode()
        located.obstacles[ref, shown] = Obstacle(ref, shown, error.what)
        return
    if found is not None:
        located.items[path] = Item(
            ref, version, path, found.sha256, found.bytes, found.device, found.inode, found_by
        )


def same_content(eraser: FileEraser, items: Sequence[Item]) -> list[tuple[str, Item]]:
    """Other files below the root with the bytes of an item: path and the item it equals.

    Only whole copies are recognized. The quarantine is passed over.
    """
    by_content = {(item.bytes, item.sha256): item for item in items if item.bytes}
    sizes = {size for size, _ in by_content}
    known = {item.path for item in items}
    copies: list[tuple[str, Item]] = []
    for folder, folders, names in os.walk(eraser.root, followlinks=False):
        if folder == str(eraser.root) and QUARANTINE in folders:
            folders.remove(QUARANTINE)
        for name in sorted(names):
            path = os.path.join(folder, name)  # noqa: PTH118
            relative = os.path.relpath(path, eraser.root)
            if relative in known:
                continue
            try:
                status = os.lstat(path)
                if not stat.S_ISREG(status.st_mode) or status.st_size not in sizes:
                    continue
                with open(path, "rb") as file:  # noqa: PTH123
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                continue
            item = by_content.get((status.st_size, digest))
            if item is not None:
                copies.append((relative, item))
    return copies
