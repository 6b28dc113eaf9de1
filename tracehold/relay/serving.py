"""A relay as a process: one spool, one far server, loopback alone."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from lineage.clock import Clock, system_clock
from lineage.errors import Unavailable
from tracehold.http.listening import Answering, listen, url_of
from tracehold.http.metrics import Metrics
from tracehold.lock import WorkspaceLock
from tracehold.relay.forwarding import Forwarder
from tracehold.relay.intake import Intake, create_intake
from tracehold.relay.spool import Spool
from tracehold.relay.target import Target

__all__ = ["Relay", "read_token_file", "relay"]

_HOST = "127.0.0.1"
_PATIENCE_SECONDS = 35.0


@dataclass(frozen=True, slots=True)
class Relay:
    """What a relay does.

    Attributes:
        to: Address of the far server.
        spool: Folder of the spool.
        port: Where it listens; 0 for any free port.
        max_bytes: Most bytes that the spool holds, packed.
        max_event_bytes: Most bytes of one event, unpacked.
        token: Sent instead of the senders' own; empty to pass those through.
    """

    to: str
    spool: Path
    port: int
    max_bytes: int
    max_event_bytes: int
    token: str = ""


def relay(
    what: Relay,
    *,
    ready: Callable[[str], None],
    tell: Callable[[str], None],
    clock: Clock = system_clock,
    chance: Callable[[], float] = random.random,
) -> None:
    """Relay until SIGTERM or SIGINT; what was not forwarded by then waits for the next start.

    Args:
        what: What to do.
        ready: Told the address, once events are taken.
        tell: Told in one line when the far server goes and comes.
        clock: Epoch milliseconds.
        chance: Numbers from 0 to 1.

    Raises:
        Conflict: Another relay has this spool.
        InvalidInput: The far server's address is none.
        Unavailable: The port is taken, or the spool cannot be used.
    """
    with ExitStack() as held:
        target = held.enter_context(closing(Target(what.to)))
        lock = WorkspaceLock.acquire(what.spool, clock)
        held.callback(lock.release)
        spool = held.enter_context(closing(Spool(what.spool, limit=what.max_bytes)))
        metrics = Metrics()
        forwarder = Forwarder(
            spool, target, token=what.token, metrics=metrics, chance=chance, tell=tell
        )
        intake = Intake(
            spool,
            metrics,
            limit=what.max_event_bytes,
            own_token=bool(what.token),
            clock=clock,
            news=forwarder.wake,
        )
        app = create_intake(intake, spool, forwarder, metrics, clock)
        listener = held.enter_context(listen(_HOST, what.port))
        url = url_of(_HOST, listener)
        lock.announce(url)
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn raises the signal again once it has drained; what follows must still run.
            signal.signal(number, lambda *_: None)
        forwarding = threading.Thread(target=forwarder.run, name="forward", daemon=True)
        forwarding.start()
        held.callback(forwarding.join, _PATIENCE_SECONDS)
        held.callback(forwarder.stop)
        Answering(app, lambda: ready(url)).run(sockets=[listener])


def read_token_file(path: Path) -> str:
    """The token in a file.

    Raises:
        Unavailable: It cannot be read, or is empty.
    """
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"the token cannot be read ({type(error).__name__})", where=str(path)
        ) from None
    if not token or not token.isascii() or not token.isprintable():
        raise Unavailable("the file holds no token", where=str(path))
    return token
