"""Files to import: found in folders, unpacked, bounded, read as JSON, JSON lines or CSV."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from lineage.errors import InvalidInput, Unavailable
from lineage.facts import Json
from tracehold.imports.errors import NotThisFormat, SourceTooLarge

__all__ = ["Read", "document", "files", "line_bytes", "objects", "opened", "rows"]

Read = Callable[[int], None]
"""Told how many bytes of a file were read."""

_DOCUMENT: Final = 1 << 30
_LINE: Final = 64 << 20
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


def files(paths: Iterable[Path], *endings: str) -> list[Path]:
    """The files named, and those in folders named whose names end so, in the order of names.

    Raises:
        InvalidInput: A path leads nowhere, or a folder holds none.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [
                one
                for one in sorted(path.rglob("*"))
                if one.is_file() and one.name.removesuffix(".gz").endswith(endings)
            ]
            if not inside:
                raise InvalidInput(
                    "the folder holds nothing to import",
                    where=str(path),
                    advice=f"looked for *{', *'.join(endings)} (also with .gz)",
                )
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise InvalidInput(
                "there is no such file or folder",
                where=str(path.absolute()),
                advice="check the path",
            )
    return found


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file as it was before it was packed by gzip; a byte order mark is passed over.

    Raises:
        Unavailable: It cannot be read.
        NotThisFormat: It is packed, and damaged.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == _GZIP
            plain.seek(0)
            file: IO[bytes] = io.BufferedReader(gzip.GzipFile(fileobj=plain)) if packed else plain
            if file.peek(3)[:3] == _BOM:  # type: ignore[attr-defined]
                file.read(3)
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise NotThisFormat(
            "the file is packed by gzip and damaged", where=str(path), advice="export it again"
        ) from None
    except OSError as error:
        raise Unavailable(
            f"the file cannot be read ({os.strerror(error.errno or 0)})",
            where=str(path.absolute()),
            advice="check the path, and that this account may read it",
        ) from None


def document(path: Path) -> Json:
    """A file that is one JSON value.

    Raises:
        NotThisFormat: It is no JSON.
        SourceTooLarge: It has more than 1 GiB.
        Unavailable: It cannot be read.
    """
    with opened(path) as file:
        return parse(whole(file, path), str(path))


def whole(file: IO[bytes], path: Path) -> bytes:
    """All bytes of a file that must fit into memory."""
    content = file.read(_DOCUMENT + 1)
    if len(content) > _DOCUMENT:
        raise SourceTooLarge(
            "the file has more than 1 GiB",
            where=str(path),
            advice="export it as JSON lines (one object per line), or in several files",
        )
    return content


def parse(content: bytes, where: str) -> Json:
    """JSON bytes as values; the text of what is wrong holds no value."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8 or too deep"
        raise NotThisFormat(f"the file is not JSON: {reason}", where=where) from None


def line_bytes(file: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers.

    Raises:
        SourceTooLarge: A line has more than 64 MiB.
    """
    number = 0
    while line := file.readline(_LINE + 1):
        number += 1
        if len(line) > _LINE:
            raise SourceTooLarge("a line has more than 64 MiB", where=f"{path}:{number}")
        if stripped := line.strip():
            yield number, stripped


def objects(path: Path) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The objects of a JSON list or of JSON lines, each with its place; others are refused.

    Raises:
        NotThisFormat: It is neither, or an element is no object.
    """
    with opened(path) as file:
        first = file.peek(64).lstrip()[:1]  # type: ignore[attr-defined]
        if first == b"[":
            listed = parse(whole(file, path), str(path))
            numbered = ((f"{path}#{n}", one) for n, one in enumerate(listed))
        else:
            numbered = (
                (f"{path}:{n}", parse(line, f"{path}:{n}")) for n, line in line_bytes(file, path)
            )
        for where, one in numbered:
            if not isinstance(one, dict):
                raise NotThisFormat("an element is no JSON object", where=where)
            yield where, one


def rows(path: Path) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The rows of a CSV file with a heading, of a JSON list or of JSON lines; keys in lower case.

    Raises:
        NotThisFormat: It is none of them.
    """
    if path.name.removesuffix(".gz").lower().endswith(".csv"):
        yield from _csv(path)
        return
    for where, one in objects(path):
        yield where, {key.lower(): value for key, value in one.items()}


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, Json]]]:
    csv.field_size_limit(_LINE)
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            reader = csv.DictReader(text)
            for row in reader:
                yield (
                    f"{path}:{reader.line_num}",
                    {key.lower(): value for key, value in row.items() if key and value},
                )
        except (csv.Error, UnicodeDecodeError):
            raise NotThisFormat("the file is no CSV in UTF-8", where=str(path)) from None
        finally:
            text.detach()
