"""The sequencer: one thread that takes drafts from a queue and commits them in groups.

While one group syncs, the next gathers; so the cost of a sync is shared by everyone who waited for
it. A write or sync error is final (on Linux a failed fsync marks the pages clean, and the next one
would lie): the group fails, and the journal is read-only until it is opened again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from lineage.clock import Clock
from lineage.errors import Conflict, Fault, InvalidInput, TraceholdError, Unavailable
from lineage.facts import Draft, Receipt
from lineage.journal.checkpoint import Signer
from lineage.journal.envelope import check_draft
from lineage.journal.keychain import KEY_KINDS
from lineage.journal.keychain import STREAM as KEYS
from lineage.journal.keys import load_signer, make_next_key, take_next_key
from lineage.journal.ledger import Batch, Ledger
from lineage.journal.parts import PartName

__all__ = ["Sequencer"]

_log = logging.getLogger(__name__)

GROUP_FACTS = 256
"""At most so many facts share one sync; more would only lengthen the wait of the first."""

GROUP_BYTES = 8 << 20
"""At most so many bytes share one sync, unless a single batch is larger."""

WAITING_BYTES = 256 << 20
"""Above so many bytes in the queue new drafts are refused, so that memory stays bounded."""

PAUSE_SECONDS = 0.001
PAUSES = 3
"""How long a group waits to become as large as the last one: a fraction of what its syncs take.

Whoever was just answered sends again at once. Without the wait the first of them would have two
syncs for itself, while all others wait for those.
"""

_ADVICE = {
    "SQLITE_FULL": "free disk space, then start the server again; what was acknowledged is safe",
    "SQLITE_IOERR": "check the disk, then start again; what was acknowledged is safe",
}


@dataclass(slots=True)
class _Job:
    """Drafts on their way (``single`` answers one receipt), or work to do between groups."""

    future: Future[Any]
    batch: Batch | None = None
    weight: int = 0
    single: bool = False
    work: Callable[[], object] | None = None


class Sequencer:
    """Owns the ledger and its thread.

    Attributes:
        failure: Why the journal is read-only, or None while it can be written.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        """Starts the thread. ``clock`` gives the received times."""
        self._ledger = ledger
        self._clock = clock
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._waiting = 0
        self._closed = False
        self._held: _Job | None = None
        self._lately = 0
        self.failure: TraceholdError | None = None
        self._thread = threading.Thread(target=self._run, name="journal-sequencer", daemon=True)
        self._thread.start()

    def submit(self, draft: Draft) -> Future[Receipt]:
        """Queue one draft. Raises ``InvalidInput`` at once where it cannot become an envelope."""
        future: Future[Receipt] = Future()
        self._enqueue([draft], future, single=True)
        return future

    def append(self, drafts: Sequence[Draft]) -> Future[list[Receipt]]:
        """Queue several drafts as one transaction."""
        future: Future[list[Receipt]] = Future()
        self._enqueue(list(drafts), future, single=False)
        return future

    def erase(self, parts: Sequence[tuple[str, PartName]]) -> Future[int]:
        """Queue the destruction of keys, in order with the drafts; answers how many there were."""
        future: Future[int] = Future()
        self._put(_Job(future, work=lambda: self._ledger.erase(parts)))
        return future

    def rotate(self, keys: Path, *, actor: str) -> Future[tuple[Receipt, Signer]]:
        """Queue the change to a new signing key; answers the receipt of its fact, and the key."""
        future: Future[tuple[Receipt, Signer]] = Future()
        received = self._clock()

        def work() -> tuple[Receipt, Signer]:
            following = make_next_key(keys, load_signer(keys).name)
            receipt = self._ledger.rotate(following, actor=actor, received=received)
            take_next_key(keys)
            return receipt, following

        self._put(_Job(future, work=work))
        return future

    def close(self) -> None:
        """Commit what is queued, stop the thread and close the files."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _enqueue(self, drafts: list[Draft], future: Future[Any], *, single: bool) -> None:
        for draft in drafts:
            check_draft(draft)
            if draft.kind in KEY_KINDS or draft.stream == KEYS:
                raise InvalidInput("only the journal itself writes such facts", where="kind")
        weight = sum(len(draft.body) + len(draft.raw or b"") for draft in drafts)
        self._put(_Job(future, Batch(drafts, self._clock()), weight, single))

    def _put(self, job: _Job) -> None:
        with self._gate:
            refusal = self.failure
            if self._closed:
                refusal = Unavailable("the journal is closed", advice="start the server again")
            elif self._waiting and self._waiting + job.weight > WAITING_BYTES:
                refusal = Unavailable(
                    "too many facts wait for the disk", advice="send again in a few seconds"
                )
            if refusal is None:
                self._waiting += job.weight
                self._queue.put(job)
                return
        job.future.set_exception(refusal)

    def _run(self) -> None:
        while (job := self._held or self._queue.get()) is not None:
            self._held = None
            if job.work is not None:
                self._work(job.future, job.work)
            else:
                self._commit(self._gather(job))
        try:
            if self.failure is None:
                self._ledger.close()
            else:
                self._ledger.abandon()
        except sqlite3.Error:
            _log.exception("the journal did not close cleanly")

    def _gather(self, first: _Job) -> list[_Job]:
        """The jobs of one group: what waits already, and what is likely to come in a moment."""
        group: list[_Job] = []
        count = weight = 0
        pauses = PAUSES
        job: _Job | None = first
        while job is not None and job.batch is not None:
            size = len(job.batch.drafts)
            if group and (count + size > GROUP_FACTS or weight + job.weight > GROUP_BYTES):
                break
            if job.future.set_running_or_notify_cancel():
                group.append(job)
                count, weight = count + size, weight + job.weight
            with self._gate:
                self._waiting -= job.weight
            while pauses and len(group) < self._lately and self._queue.empty():
                pauses -= 1
                time.sleep(PAUSE_SECONDS)
            try:
                job = self._queue.get_nowait()
            except Empty:
                self._lately = len(group)
                return group
        self._lately = len(group)
        self._held = job
        if job is None:
            self._queue.put(None)
        return group

    def _commit(self, group: list[_Job]) -> None:
        if self.failure is None and group:
            try:
                outcomes = self._ledger.commit([job.batch for job in group if job.batch])
            except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
                self._fail(error)
            else:
                for job, outcome in zip(group, outcomes, strict=True):
                    if isinstance(outcome, Conflict):
                        job.future.set_exception(outcome)
                    else:
                        job.future.set_result(outcome[0] if job.single else outcome)
                return
        for job in group:
            job.future.set_exception(self.failure)

    def _work(self, future: Future[Any], work: Callable[[], object]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        if self.failure is not None:
            future.set_exception(self.failure)
            return
        try:
            outcome = work()
        except TraceholdError as error:
            future.set_exception(error)
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
            self._fail(error)
            future.set_exception(self.failure)
        else:
            future.set_result(outcome)

    def _fail(self, error: Exception) -> None:
        """From here on the journal is read-only."""
        if isinstance(error, (sqlite3.Error, OSError)):
            name = getattr(error, "sqlite_errorname", "") or type(error).__name__
            advice = _ADVICE.get("SQLITE_IOERR" if "IOERR" in name else name)
            failure: TraceholdError = Unavailable(
                f"the journal is read-only since a write failed ({name})", where="journal",
                advice=advice or "run `tracehold journal verify`, then start the server again",
            )  # fmt: skip
        else:
            failure = Fault(
                f"the journal is read-only since a fault of ours ({type(error).__name__})",
                where="journal", advice="start the server again and report the logged error",
            )  # fmt: skip
        _log.error("%s", failure.what, exc_info=error)
        with self._gate:
            self.failure = failure
        self._ledger.abandon()
