"""Calls to Neo4j over the official driver: each has a deadline and a bounded number of attempts.

The driver waits without limit for a server that accepts and never answers. Each call therefore
runs in a thread of its own; at the deadline the caller goes on with ``Unavailable``, and the driver
with the silent connection is given up.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

import neo4j
from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    Driver,
    GraphDatabase,
    ManagedTransaction,
    Query,
    Session,
    unit_of_work,
)
from neo4j.exceptions import DriverError, Neo4jError

from lineage.errors import Fault, InvalidInput, Unavailable
from lineage.graph.refusal import GraphRefused, TooSlow
from lineage.graph.walk import Deadline, OutOfTime

__all__ = ["GRACE", "Bolt", "Transaction"]

T = TypeVar("T")
Transaction = ManagedTransaction
Params = Mapping[str, Any]

GRACE: Final = 3.0
"""The server looks every 2 s for calls past their deadline; silence for longer is a dead server."""
PAUSES: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Before each further attempt, about; where the server asks for one, after a deadlock say."""
RECONNECTS: Final = 1
"""A pooled connection may have died with a restart of the server; a fresh one tells."""
TIMED_OUT: Final = "Neo.ClientError.Transaction.TransactionTimedOut"
SCHEMES: Final = tuple(
    f"{name}{secure}://" for name in ("bolt", "neo4j") for secure in ("", "+s", "+ssc")
)


class Bolt:
    """The way to one database. Safe to share between threads; connects with the first call."""

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        deadline_seconds: float,
        database: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not connect yet.

        Args:
            url: ``bolt://``, ``neo4j://`` or their ``+s`` forms.
            user: Name of the database user.
            password: Its password.
            deadline_seconds: What one call may take where nothing else is said.
            database: Name of the database; None for the user's home database.
            monotonic: Clock for deadlines, in seconds.

        Raises:
            InvalidInput: The address is of another kind, or carries a password.
        """
        if not url.startswith(SCHEMES) or "@" in url:
            raise InvalidInput(
                "the address of Neo4j cannot be used",
                where="graph.url",
                advice="write bolt://HOST:7687 or neo4j://HOST:7687; user and password stand apart",
            )
        self.url = url
        self.seconds = deadline_seconds
        self._auth = (user, password)
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._driver: Driver | None = None
        self._budget = threading.local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What all calls of this thread inside may take together.

        Past it they raise ``Unavailable``, whatever deadline they name themselves.
        """
        before = getattr(self._budget, "deadline", None)
        self._budget.deadline = Deadline(seconds, self._monotonic)
        try:
            yield
        finally:
            self._budget.deadline = before

    def read(
        self, statement: str, params: Params, *, seconds: float | None = None
    ) -> list[list[Any]]:
        """The rows of one statement, as lists of values.

        Maps of values by name are several times as slow: the driver looks into every list.

        Raises:
            OutOfTime: The server ended it at its deadline, or the deadline is zero.
            Unavailable: Neo4j cannot be reached, or does not answer.
        """

        def work(session: Session, left: float) -> list[list[Any]]:
            # Without a transaction of its own: that would go there and back twice more.
            asked = Query(cast("Any", statement), timeout=left)
            return session.run(asked, dict(params)).values()

        return self._call(work, seconds, READ_ACCESS)

    def reading(self, work: Callable[[Transaction], T], *, seconds: float | None = None) -> T:
        """What ``work`` makes of a read transaction; it may run more than once."""
        return self._call(
            lambda session, left: session.execute_read(unit_of_work(timeout=left)(work)), seconds
        )

    def write(
        self,
        statements: Iterable[tuple[str, Params]],
        *,
        seconds: float | None = None,
        guarded: bool = False,
    ) -> list[list[list[Any]]]:
        """Run statements in one transaction; what each returned, row by row, as lists of values.

        Args:
            statements: Statements with their parameters.
            seconds: Deadline of the transaction.
            guarded: Where the first statement returns nothing, write nothing, return nothing.
        """
        listed = list(statements)

        def work(tx: ManagedTransaction) -> list[list[list[Any]]]:
            returned: list[list[list[Any]]] = []
            for statement, params in listed:
                returned.append(tx.run(cast("Any", statement), dict(params)).values())
                if guarded and not returned[0]:
                    return []
            return returned

        return self._call(
            lambda session, left: session.execute_write(unit_of_work(timeout=left)(work)), seconds
        )

    def alone(self, statements: Sequence[str], *, seconds: float | None = None) -> None:
        """Run statements that each need a transaction of their own: a schema."""

        def work(session: Session, _: float) -> None:
            for statement in statements:
                session.run(cast("Any", statement)).consume()

        self._call(work, seconds)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _call(
        self,
        work: Callable[[Session, float], T],
        seconds: float | None,
        access: str = WRITE_ACCESS,
    ) -> T:
        limit = self.seconds if seconds is None else seconds
        budget: Deadline | None = getattr(self._budget, "deadline", None)
        short = budget is not None and budget.remaining() < limit
        if budget is not None and short:
            limit = budget.remaining()
        try:
            deadline = Deadline(limit, self._monotonic)
            return self._insist(work, deadline, 0.0 if short else GRACE, access)
        except OutOfTime as error:
            if short:
                raise TooSlow("Neo4j takes too long for a question", where=self.url) from error
            raise

    def _insist(
        self, work: Callable[[Session, float], T], deadline: Deadline, grace: float, access: str
    ) -> T:
        reconnects = RECONNECTS
        if deadline.passed():
            raise OutOfTime("the question ran out of time")
        for pause in (*PAUSES, None):
            try:
                return self._attempt(work, deadline.remaining(), grace, access)
            except (DriverError, Neo4jError) as error:
                transient = isinstance(error, Neo4jError)
                again = error.is_retryable() and (transient or reconnects > 0)
                if pause is None or not again or deadline.remaining() <= pause * 2:
                    raise self._advise(error) from error
                reconnects -= not transient
            # Two that met in a deadlock must not meet again.
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret depends on it
        raise AssertionError  # the last pause is None

    def _attempt(
        self, work: Callable[[Session, float], T], seconds: float, grace: float, access: str
    ) -> T:
        driver = self._connection()
        future: Future[T] = Future()

        def run() -> None:
            try:
                with driver.session(database=self._database, default_access_mode=access) as session:
                    future.set_result(work(session, seconds))
            except BaseException as error:  # noqa: BLE001 - handed to the waiting caller
                future.set_exception(error)

        threading.Thread(target=run, name="neo4j-call", daemon=True).start()
        try:
            return future.result(timeout=seconds + grace)
        except TimeoutError as error:
            self._give_up(driver)
            raise Unavailable(
                f"Neo4j gave no answer within {max(seconds + grace, 0):.1f} s",
                where=self.url,
                advice="look at the server; answers come from SQL meanwhile",
            ) from error

    def _connection(self) -> Driver:
        with self._lock:
            if self._driver is None:
                self._driver = GraphDatabase.driver(
                    self.url,
                    auth=self._auth,
                    connection_timeout=self.seconds,
                    connection_acquisition_timeout=self.seconds,
                    max_transaction_retry_time=0,
                    notifications_min_severity=neo4j.NotificationMinimumSeverity.OFF,
                    telemetry_disabled=True,
                    user_agent="tracehold",
                )
            return self._driver

    def _give_up(self, driver: Driver) -> None:
        with self._lock:
            if self._driver is driver:
                self._driver = None
        threading.Thread(target=driver.close, name="neo4j-close", daemon=True).start()

    def _advise(self, error: DriverError | Neo4jError) -> Exception:
        code = error.code if isinstance(error, Neo4jError) else None
        if code is not None and code.startswith(TIMED_OUT):
            return OutOfTime("Neo4j ended the call at its deadline", where=self.url)
        if isinstance(error, Neo4jError) and code and code.startswith("Neo.ClientError.Statement"):
            return Fault(f"Neo4j refuses a statement of ours: {code}", where=self.url)
        if code and code.startswith("Neo.ClientError.Security"):
            return GraphRefused(
                f"Neo4j refuses us: {code}",
                where=self.url,
                advice="check user and password of graph.url",
            )
        advice = "start it, or look at graph.url; answers come from SQL meanwhile"
        reason = code or type(error).__name__
        return Unavailable(f"Neo4j cannot be used: {reason}", where=self.url, advice=advice)
