"""From what Dagster has recorded to the server, by the same path as for anybody's project.

A step records and sends nothing. A guard tells what its gate is asked about; all is told while
the run goes on and when it has ended. What was told before counts once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.errors import Denied, InvalidInput, Unavailable
from orchestration.server_client import address

if TYPE_CHECKING:
    import dagster as dg

    from tracehold_dagster.sending import Delivery
    from tracehold_dagster.tailing import Deliver, Reading

__all__ = ["reading_of", "tell_everything", "telling"]

_CURSOR = "lineage-cursor.json"
_EVERY_SECONDS = 2.0
# A server that restarts is back within seconds.
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)


def reading_of(definitions: dg.Definitions, namespace: str) -> Reading:
    """How records become events; what the sensor of ``dagster dev`` tells too counts once.

    Args:
        definitions: All assets of the workspace.
        namespace: Of jobs and datasets: the workspace's name.
    """
    from tracehold_dagster.reading import read_graph
    from tracehold_dagster.settings import Settings
    from tracehold_dagster.tailing import Reading

    naming = Settings(namespace=namespace).naming(os.environ, location=namespace)
    return Reading(naming, read_graph(definitions))


def tell_everything(instance: dg.DagsterInstance, home: Path, reading: Reading) -> None:
    """Tell what was recorded since the last time, by runs that were killed too.

    Args:
        instance: Whose records they are.
        home: The instance's folder, which also keeps how far all was told.
        reading: From ``reading_of``.

    Raises:
        Unavailable: The server does not answer.
        Denied: The token may not report.
        InvalidInput: The server refuses an event.

    After an error the next call goes on from where this one came to.
    """
    from tracehold_dagster.tailing import follow

    place = home / _CURSOR
    cursor = place.read_text("utf-8") if place.exists() else None
    behind = True
    with _delivering() as deliver:
        while behind:
            followed = follow(instance, cursor, reading, deliver)
            cursor, behind = followed.cursor, followed.behind
            place.write_text(cursor, "utf-8")
            if followed.error is not None:
                raise followed.error


@contextmanager
def telling(instance: dg.DagsterInstance, home: Path, reading: Reading) -> Iterator[None]:
    """Tell everything while the block runs, and what is left when it ends.

    Arguments and errors are those of ``tell_everything``; what fails on the way is tried again.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY_SECONDS):
            # Whatever fails is met again at the end, and raised there.
            with suppress(Exception):
                tell_everything(instance, home, reading)

    watching = threading.Thread(target=watch, name="telling", daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()
    tell_everything(instance, home, reading)


@contextmanager
def _delivering() -> Iterator[Deliver]:
    """Sends events and waits until they are durable; errors are the ones of this side."""
    from tracehold_dagster.errors import NotAllowed, Unreachable
    from tracehold_dagster.errors import TraceholdError as ClientError
    from tracehold_dagster.sending import Sender

    sender = Sender(*address(os.environ))

    def deliver(events: Sequence[dict[str, Any]]) -> Delivery:
        for pause in (*_PAUSES_SECONDS, None):
            try:
                return _taken(sender.send(events), sender.url)
            except Unreachable:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError  # the last round returns or raises

    try:
        yield deliver
    except ClientError as error:
        kinds = {Unreachable: Unavailable, NotAllowed: Denied}
        kind = kinds.get(type(error), InvalidInput)
        raise kind(error.what, where=error.where, advice=error.advice) from None
    finally:
        sender.close()


def _taken(delivery: Delivery, where: str) -> Delivery:
    if delivery.refused:
        first = delivery.refused[0]
        raise InvalidInput(
            f"the server refused what {first.job} recorded: {first.reason}", where=where
        )
    return delivery
