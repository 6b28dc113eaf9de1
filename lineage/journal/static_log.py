"""The journal as static files that other tools read: C2SP tlog-tiles, with all envelopes.

``checkpoint``, ``tile/<level>/<n>`` with up to 256 hashes, and ``tile/entries/<n>`` with the
envelopes themselves; what the files hold is what the checkpoint covers. Envelopes hold no names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from lineage.errors import Conflict, Unavailable
from lineage.journal.port import Head
from lineage.journal.tiles import HEIGHT, WIDTH

__all__ = ["StaticSource", "tile_path", "write_static_log"]

_ENTRIES: Final = "entries"


class StaticSource(Protocol):
    """What an export needs of a journal, all of one tree."""

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        ...

    def head_of(self, checkpoint: str) -> Head:
        """Size and root of a checkpoint of this journal."""
        ...

    def envelopes(self, size: int) -> Iterator[bytes]:
        """The first so many envelopes, in order."""
        ...

    def hashes(self, size: int, level: int, index: int) -> list[bytes]:
        """The hashes of a tile in the tree of so many leaves; the rightmost may be partial."""
        ...


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Where a tile lies: ``tile/0/x001/x234/067``, with ``.p/<width>`` where it is partial."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def write_static_log(
    journal: StaticSource,
    target: Path,
    *,
    extra: dict[str, bytes] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Head:
    """Write the files into a folder that does not exist yet; the checkpoint comes last.

    Args:
        journal: What to write.
        target: The folder.
        extra: Other files to put beside them, by name.
        progress: Told how many envelopes are written.

    Returns:
        Size and root of what was written.

    Raises:
        Conflict: The target exists.
        Unavailable: It cannot be written.
    """
    note = journal.checkpoint()
    head = journal.head_of(note)
    try:
        target.mkdir(mode=0o700, parents=True)
        for name, content in (extra or {}).items():
            (target / name).write_bytes(content)
        _write_entries(journal, target, head.size, progress)
        _write_tiles(journal, target, head.size)
        (target / "checkpoint").write_text(note, "utf-8")
    except FileExistsError:
        raise Conflict(
            "the target exists already", where=str(target), advice="choose another name"
        ) from None
    except OSError as error:
        raise Unavailable(
            f"the log cannot be written ({error.strerror})", where=str(target),
            advice="check the folder and the free space",
        ) from error  # fmt: skip
    return head


def _write_entries(
    journal: StaticSource, target: Path, size: int, progress: Callable[[int], None]
) -> None:
    bundle: list[bytes] = []
    index = 0
    for done, envelope in enumerate(journal.envelopes(size), 1):
        # An envelope is far below the 64 KiB that its two bytes of length allow.
        bundle.append(len(envelope).to_bytes(2, "big") + envelope)
        if len(bundle) == WIDTH or done == size:
            _write(target / tile_path(_ENTRIES, index, len(bundle)), b"".join(bundle))
            bundle, index = [], index + 1
            progress(done)


def _write_tiles(journal: StaticSource, target: Path, size: int) -> None:
    level, count = 0, size
    while count:
        full, rest = divmod(count, WIDTH)
        for index in range(full + (rest > 0)):
            hashes = journal.hashes(size, level, index)
            content = b"".join(hashes)
            if len(content) != hashlib.sha256().digest_size * (WIDTH if index < full else rest):
                raise Unavailable(
                    f"tile {level}/{index} is missing", advice="run `tracehold journal verify`"
                )
            _write(target / tile_path(level, index, len(hashes)), content)
        level, count = level + 1, size >> (HEIGHT * (level + 1))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
