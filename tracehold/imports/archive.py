"""Archives of OpenLineage events: JSON lines, JSON lists, single events, packed or not.

The events stay as they are, byte by byte: they say what producers saw, so they count like events
that the producers send themselves, and one that came both ways counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from tracehold.imports.errors import NotThisFormat
from tracehold.imports.events import Item
from tracehold.imports.files import files, line_bytes, opened, whole

__all__ = ["ENDINGS", "read"]

ENDINGS: Final = (".json", ".jsonl", ".ndjson")

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(paths: Iterable[Path]) -> Iterator[Item]:
    """The events of files and folders, in the order of names and lines.

    What is no event is given too: whoever takes it in refuses it, with its place.

    Raises:
        NotThisFormat: A file is no JSON at all.
    """
    for path in files(paths, *ENDINGS):
        yield from _file(path)


def _file(path: Path) -> Iterator[Item]:
    with opened(path) as file:
        first = file.peek(64).lstrip()[:1]  # type: ignore[attr-defined]
        if first == b"[":
            yield from _listed(_decoded(_LIST, whole(file, path), path), path)
            return
        lines = line_bytes(file, path)
        number, line = next(lines, (0, b""))
        if _object(line) is None and number:
            # One event over several lines, or an answer of Marquez with events in it.
            rest = line + b"\n" + whole(file, path)
            members = _object(rest)
            if members is not None:
                yield from _document(rest, members, path)
                return
            for at, piece in enumerate(rest.split(b"\n"), number):
                if piece.strip():
                    yield Item(piece.strip(), f"{path}:{at}")
            return
        if number:
            members = _object(line) or {}
            yield from _document(line, members, path, f"{path}:{number}")
        for number, line in lines:
            yield Item(line, f"{path}:{number}")


def _document(
    raw: bytes, members: dict[str, msgspec.Raw], path: Path, where: str = ""
) -> Iterator[Item]:
    if "events" in members and "job" not in members and "dataset" not in members:
        yield from _listed(_decoded(_LIST, members["events"], path), path)
    else:
        yield Item(raw, where or str(path))


def _listed(events: list[msgspec.Raw], path: Path) -> Iterator[Item]:
    for number, raw in enumerate(events):
        yield Item(bytes(raw), f"{path}#{number}")


def _object(raw: bytes) -> dict[str, msgspec.Raw] | None:
    try:
        return _OBJECT.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _decoded(
    decoder: msgspec.json.Decoder[list[msgspec.Raw]], raw: bytes | msgspec.Raw, path: Path
) -> list[msgspec.Raw]:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotThisFormat("the file is no JSON list of events", where=str(path)) from None
