"""A journal whose receipts come before positions, as with an inbox and a leader that sequences.

Around a SQLite journal, so that what is durable, hashed and proven is real. What it adds is what an
adapter with several writers may do: drafts that wait at the same time are taken in any order, a
receipt has no position, and a fact is read only after it was sequenced.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Literal

from lineage.errors import NotFound, TraceholdError
from lineage.facts import Draft, Fact, Receipt
from lineage.journal.checkpoint import parse_checkpoint
from lineage.journal.envelope import check_draft
from lineage.journal.port import Head, Proof, StoredFact
from lineage.journal.sqlite import SqliteJournal

__all__ = ["LateJournal"]


class LateJournal:
    """Implements ``lineage.journal.port.Journal``."""

    def __init__(self, inner: SqliteJournal) -> None:
        self.inner = inner
        self._chance = random.Random(1)
        self._waiting: list[tuple[list[Draft], Future[Any], bool]] = []
        self._change = threading.Condition()
        self._closed = False
        self._note = inner.checkpoint()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def failure(self) -> Exception | None:
        return self.inner.failure

    @property
    def verifier_key(self) -> str:
        return self.inner.verifier_key

    def submit(self, draft: Draft) -> Future[Receipt]:
        check_draft(draft)
        future: Future[Receipt] = Future()
        self._put([draft], future, single=True)
        return future

    def append(self, drafts: Sequence[Draft]) -> list[Receipt]:
        for draft in drafts:
            check_draft(draft)
        future: Future[list[Receipt]] = Future()
        self._put(list(drafts), future, single=False)
        return future.result()

    def _put(self, drafts: list[Draft], future: Future[Any], *, single: bool) -> None:
        with self._change:
            if self._closed:
                self.inner.append(drafts)  # raises what a closed journal raises
            self._waiting.append((drafts, future, single))
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                group, self._waiting = self._waiting, []
            self._chance.shuffle(group)
            for drafts, future, single in group:
                self._take(drafts, future, single=single)

    def _take(self, drafts: list[Draft], future: Future[Any], *, single: bool) -> None:
        try:
            found = self.inner.append(drafts)
        except TraceholdError as error:
            future.set_exception(error)
            return
        receipts = [Receipt(one.fact_id, None, duplicate=one.duplicate) for one in found]
        future.set_result(receipts[0] if single else receipts)

    def sequenced(self, fact_id: str, timeout: float = 30.0) -> int:
        position = self.inner.sequenced(fact_id, timeout)
        if position > self.head().size:
            self._note = self.inner.checkpoint()
        return position

    def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
        return [fact for fact in self.inner.read(after, limit) if fact.position <= self._size()]

    def get(self, fact_id: str) -> StoredFact:
        return self._seen(self.inner.get(fact_id))

    def at(self, position: int) -> StoredFact:
        return self._seen(self.inner.at(position))

    def stored(self, after: int = 0) -> Iterator[StoredFact]:
        return (fact for fact in self.inner.stored(after) if fact.position <= self._size())

    def members(self, stream: str) -> list[int]:
        return [position for position in self.inner.members(stream) if position <= self._size()]

    def head(self) -> Head:
        return parse_checkpoint(self._note.rpartition("\n\n")[0] + "\n")

    def checkpoint(self) -> str:
        return self._note

    def prove(self, position: int) -> Proof:
        return self.inner.prove(position, self._note)

    def prove_consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        if second > self._size():
            raise NotFound("there are no such two trees")
        return self.inner.prove_consistency(first, second)

    def erase(self, fact_id: str, part: Literal["distilled", "raw"]) -> None:
        self.inner.erase(fact_id, part)

    def close(self) -> None:
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join()
        self.inner.close()

    def _size(self) -> int:
        return self.head().size

    def _seen(self, fact: StoredFact) -> StoredFact:
        if fact.position > self._size():
            raise NotFound("the fact is not sequenced yet")
        return fact
