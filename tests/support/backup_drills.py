"""Workspaces with facts in them, backups of these, and ways to spoil one."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from load import LoadSpec, events
from tracehold_world import Clockwork

from lineage.clock import system_clock
from lineage.identity import Identity
from lineage.journal.erasure import erase_parts
from lineage.journal.keys import load_keys
from lineage.journal.sqlite import open_journal
from lineage.openlineage.read import receive
from lineage.state.advance import Folder
from lineage.state.store import open_state
from tracehold.backup.restore import Restored, restore_backup
from tracehold.backup.take import Taken, take_backup
from tracehold.bootstrap import open_services
from tracehold.registry import make_registry
from tracehold.services import Services
from tracehold.settings import Settings, load
from tracehold.workspace import init

__all__ = ["Drill", "digest_at", "ingest", "spoil", "writing"]

ACTOR = "actor"


def ingest(services: Services, count: int, *, seed: int = 1) -> list[str]:
    """Take events in; returns the ids of their facts."""
    spec = LoadSpec(jobs=20, levels=3, columns=3, runs=count, namespace=f"drill{seed}", seed=seed)
    receipts = [
        services.journal.submit(
            receive(event, actor=ACTOR, scrubber=services.scrubber, max_bytes=1 << 20)
        )
        for event in islice(events(spec), count)
    ]
    return [receipt.result().fact_id for receipt in receipts]


class Drill:
    """One workspace under a folder, and what is done to it."""

    def __init__(self, folder: Path, *, facts: int = 20, seed: int = 1) -> None:
        self.folder = folder
        self.seed = seed
        self.taken = 0
        init(folder / "shop", samples={}, clock=Clockwork())
        self.settings: Settings = load(folder / "shop", environ={})
        self.fact_ids = self.more(facts)

    @contextmanager
    def services(self) -> Iterator[Services]:
        """The workspace, opened for writing."""
        with open_services(self.settings, write=True) as services:
            yield services

    def more(self, count: int) -> list[str]:
        """Take more events in."""
        self.seed += 1
        with self.services() as services:
            found = ingest(services, count, seed=self.seed)
            services.catch_up()
            return found

    def backup(self, name: str = "") -> Taken:
        """Take a backup, its keys apart."""
        self.taken += 1
        name = name or str(self.taken)
        return take_backup(
            self.settings, self.folder / f"backup{name}", keys=self.folder / f"keys{name}",
            clock=system_clock,
        )  # fmt: skip

    def restore(
        self, taken: Taken, name: str = "restored", *, keys: Path | None = None, loss: bool = False
    ) -> Restored:
        """Restore it into a folder of that name."""
        return restore_backup(
            taken.target, self.folder / name, keys=keys or taken.keys, accept_loss=loss,
            clock=system_clock,
        )  # fmt: skip

    def restore_here(self, taken: Taken, *, loss: bool = False) -> Restored:
        """Restore it into the workspace itself, with the keys that this still has."""
        return restore_backup(
            taken.target, self.settings.folder, accept_loss=loss, clock=system_clock
        )

    def find_data(self) -> None:
        """The disk is there again."""
        (self.folder / f"gone{self.taken}").rename(self.settings.storage.data)

    def lose_data(self) -> None:
        """The disk with the journal is gone; the one with the keys is not."""
        self.settings.storage.data.rename(self.folder / f"gone{self.taken}")


@contextmanager
def writing(services: Services, *, seed: int) -> Iterator[None]:
    """Events come in as fast as they can, and parts are erased, while the block runs."""
    stop = threading.Event()

    def write() -> None:
        number = seed * 1_000
        while not stop.is_set():
            number += 1
            first, *_ = ingest(services, 5, seed=number)
            services.catch_up()
            erase_parts(services.journal, ACTOR, [(first, "raw")], reason="test")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def digest_at(settings: Settings, facts: int, scratch: Path) -> str:
    """Digest of a state folded from the first facts of a journal."""
    storage = settings.storage
    journal = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )
    state = open_state(scratch)
    try:
        identity = Identity(load_keys(storage.keys).secret)
        Folder(journal, state, make_registry(), identity).fold(journal.read(0, facts))
        return state.digest()
    finally:
        state.close()
        journal.close()


def spoil(folder: Path, draw: random.Random) -> str:
    """Cut, flip a bit of, or take away one file below a folder; returns what was done."""
    path = draw.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    whole = path.read_bytes()
    how = draw.choice(("cut", "flipped", "gone"))
    if how == "gone" or not whole:
        path.unlink()
    elif how == "cut":
        path.write_bytes(whole[: draw.randrange(len(whole))])
    else:
        at = draw.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :])
    return f"{path.name} {how}"
