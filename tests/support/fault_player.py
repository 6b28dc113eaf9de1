"""Plays the life of a workspace under one fault, and looks at what is left; a process of its own.

Reads one JSON request per line, forks a child for each, and answers with one line: what the child
said, and how it ended. The fork spares the start of Python, and whatever is imported or prepared
once, which takes longer than the play. Each child says what is acknowledged the moment it is, so
that its death takes nothing back.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from load import LoadSpec, events

from lineage.clock import system_clock
from lineage.errors import TraceholdError
from lineage.identity import Identity
from lineage.journal.erasure import erase_parts
from lineage.journal.keys import load_keys
from lineage.journal.sqlite import open_journal
from lineage.journal.verify import verify_journal
from lineage.openlineage.read import receive
from lineage.state.rebuild import rebuild
from tracehold.backup.restore import restore_backup
from tracehold.backup.take import take_backup
from tracehold.bootstrap import open_services
from tracehold.registry import STATE, make_registry
from tracehold.services import Services
from tracehold.settings import load, refuse_unfinished
from tracehold.workspace import init

Say = Callable[..., None]

ACTOR: Final = "actor"
FAULTS: Final = {
    "EIO": errno.EIO,
    "ENOSPC": errno.ENOSPC,
    "SIGKILL": 1001,
    "short write": 1002,
    "torn write": 1003,
}
"""As the shim numbers them."""


def make(folder: Path, say: Say) -> None:
    """``tracehold init``."""
    init(folder, samples={})
    say(made=True)


def work(folder: Path, say: Say) -> None:
    """Open a workspace, take events in, fold, erase, close; then start and close again."""
    settings = load(folder)
    source = events(LoadSpec(jobs=3, levels=2, columns=2, runs=3, namespace="faults"))
    with open_services(settings, write=True) as services:
        assert services.lock is not None
        services.lock.announce("http://127.0.0.1:1")
        first = list(_ingest(services, source, 3, say))
        services.catch_up()
        erase_parts(services.journal, ACTOR, [(first[0], "raw")], reason="test")
        say(erased=first[0])
        list(_ingest(services, source, 1, say))
    with open_services(settings, write=True) as services:
        list(_ingest(services, source, 1, say))
        services.catch_up()


def backup(folder: Path, say: Say) -> None:
    """Back a workspace up beside itself."""
    taken = take_backup(
        load(folder / "shop"), folder / "backup", keys=folder / "keys", clock=system_clock
    )
    say(taken=taken.manifest.facts)


def restore(folder: Path, say: Say) -> None:
    """Restore a backup beside the workspace."""
    restore_backup(folder / "backup", folder / "restored", keys=folder / "keys", clock=system_clock)
    say(restored=True)


def check_backup(folder: Path, say: Say) -> None:
    """There is a whole backup, or none, and one can be taken again."""
    if not (folder / "backup").exists():
        # Killed between the two names, it can leave the keys alone: they are named first.
        shutil.rmtree(folder / "keys", ignore_errors=True)
        backup(folder, say)
    restore(folder, say)
    check(folder / "restored", say, acknowledged=[], erased=[])


def check_restore(folder: Path, say: Say) -> None:
    """It is restored, or can be restored by the same command."""
    if not (folder / "restored/.tracehold/journal.db").exists():
        restore(folder, say)
    check(folder / "restored", say, acknowledged=[], erased=[])


def _ingest(services: Services, source: Iterator[bytes], count: int, say: Say) -> Iterator[str]:
    for _ in range(count):
        draft = receive(next(source), actor=ACTOR, scrubber=services.scrubber, max_bytes=1 << 20)
        receipt = services.journal.submit(draft).result()
        say(acknowledged=receipt.fact_id)
        yield receipt.fact_id


def check(folder: Path, say: Say, *, acknowledged: list[str], erased: list[str]) -> None:
    """Start again: it goes on with everything acknowledged, or refuses by name."""
    try:
        settings = load(folder)
        refuse_unfinished(folder)
    except TraceholdError as error:
        # Nothing can have been acknowledged in a workspace that is not made; it can be made now.
        assert not acknowledged
        say(refused=error.what)
        init(folder, samples={})
        settings = load(folder)
    services = open_services(settings, write=True)
    with services:
        for fact_id in acknowledged:
            fact = services.journal.get(fact_id)
            assert fact.distilled is not None, "an acknowledged fact is unreadable"
            if fact_id in erased:
                assert fact.raw is None, "an erased part is there again"
        source = events(LoadSpec(jobs=2, levels=1, columns=1, runs=1, namespace="after"))
        list(_ingest(services, source, 1, lambda **_: None))
        services.catch_up()
    storage = settings.storage
    report = verify_journal(storage.data, storage.keys)
    assert report.ok, report.problems
    journal = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )
    identity = Identity(load_keys(storage.keys).secret)
    made = rebuild(journal, storage.data / STATE, make_registry(), identity, swap=False)
    journal.close()
    assert made.comparable, "the state does not stand where the journal does"
    assert made.equal, "the state is not what the journal makes it"
    say(started=True)


PLAYS: Final = {
    one.__name__: one for one in (make, work, backup, restore, check, check_backup, check_restore)
}


def _child(request: dict[str, Any], answer: int) -> None:
    def say(**said: Any) -> None:
        os.write(answer, json.dumps(said).encode() + b"\n")

    folder = Path(request["folder"])
    play = PLAYS[request["play"]]
    shim = ctypes.CDLL(None)
    if fault := request.get("fault"):
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT) if "log" in request else -1
        shim.fault_arm(str(folder).encode(), request.get("at", 0), FAULTS[fault], log)
    try:
        play(folder, say, **request.get("more", {}))
    except TraceholdError as error:
        say(error=error.what)
    except BaseException as error:  # noqa: BLE001 - the one who asked decides what it means
        say(fault=f"{type(error).__name__}: {error}")


def _rehearse() -> None:
    """Play everything once, so that no child has to prepare what lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "shop", lambda **_: None)
        work(folder / "shop", lambda **_: None)
        backup(folder, lambda **_: None)
        check_backup(folder, lambda **_: None)


def main() -> None:
    """Answer requests until there are no more."""
    _rehearse()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        hear, answer = os.pipe()
        child = os.fork()
        if not child:
            os.close(hear)
            _child(json.loads(line), answer)
            os._exit(0)
        os.close(answer)
        with os.fdopen(hear) as heard:
            said = [json.loads(one) for one in heard]
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"said": said, "killed": os.WIFSIGNALED(status)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
