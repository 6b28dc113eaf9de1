"""The server process: one workspace, its fold and its mirror, HTTP in front."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Final

from lineage.clock import Clock, system_clock
from tracehold.bootstrap import open_services
from tracehold.collecting import collect_seldom
from tracehold.faults import describe
from tracehold.forms import prepare_forms
from tracehold.http.app import Extend, create_app
from tracehold.http.listening import Answering, listen, url_of
from tracehold.services import Services
from tracehold.settings import Settings

__all__ = ["LOG", "serve"]

LOG: Final = "server.log"
_LOG_BYTES: Final = 5 * 1024 * 1024
_DRAIN_SECONDS: Final = 10
_TURN_SECONDS: Final = 0.001
"""How long a busy thread (search, a state that is folded anew) may keep the interpreter from who
accepts events; Python's 5 ms would add up to tenths of a second for a group of events."""
_MIRROR_PAUSE: Final = 0.25


def serve(
    settings: Settings,
    *,
    port: int | None = None,
    ready: Callable[[str, Services], None],
    extend: Sequence[Extend] = (),
    prepare: Callable[[Services], None] = lambda _: None,
    clock: Clock = system_clock,
) -> None:
    """Serve a workspace until SIGTERM or SIGINT; then drain and let go.

    Args:
        settings: Of the workspace.
        port: Instead of ``server.port``; 0 picks a free one.
        ready: Told the address, once requests are answered.
        extend: Adds pages.
        prepare: Given the services before anything runs on them; may exchange a part.
        clock: Epoch milliseconds.

    Raises:
        Conflict: A server already runs in this workspace.
        Unavailable: The port is taken, or files or keys cannot be used.
    """
    prepare_forms()
    with open_services(settings, write=True, background=True, apart=True, clock=clock) as services:
        prepare(services)
        sys.setswitchinterval(_TURN_SECONDS)
        _log_to(settings.storage.data / LOG)
        listener = listen(settings.server.host, settings.server.port if port is None else port)
        with listener, _background(services):
            url = url_of(settings.server.host, listener)
            services.serving = True

            def answering() -> None:
                collect_seldom()
                if services.lock is not None:
                    services.lock.announce(url)
                ready(url, services)

            server = Answering(create_app(services, extend=extend), answering)
            # uvicorn raises the signal again once it has drained; what follows must still run.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: None)
            server.run(sockets=[listener])


@contextmanager
def _background(services: Services) -> Iterator[None]:
    """The threads of fold, refold, search and mirror, for the length of a block."""
    stop = threading.Event()
    threads = []
    if services.advancer is not None:
        following = (stop, services.far_behind)
        threads.append(threading.Thread(target=services.search.run, args=following, name="search"))
        threads.append(threading.Thread(target=services.advancer.run, args=(stop,), name="fold"))
    if services.refolder is not None:
        threads.append(threading.Thread(target=services.refolder.run, args=(stop,), name="refold"))
    if services.advancer is not None:
        from tracehold.watching import Watch

        threads.append(threading.Thread(target=Watch(services).run, args=(stop,), name="watch"))
    if services.mirror is not None:
        threads.append(
            threading.Thread(target=_mirror, args=(services, stop), name="mirror", daemon=True)
        )
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if services.advancer is not None:
            services.advancer.wake()
        for thread in threads:
            thread.join(_DRAIN_SECONDS)


def _mirror(services: Services, stop: threading.Event) -> None:
    log = logging.getLogger(__name__)
    mirror = services.mirror
    assert mirror is not None  # noqa: S101 - the caller looked
    while not stop.is_set():
        try:
            if not services.state.connections.refused and mirror.step():
                continue
        except Exception as error:  # noqa: BLE001 - the mirror must never end the server
            log.error("the mirror met a fault of ours\n%s", describe(error))  # noqa: TRY400
            stop.wait(5)
        stop.wait(_MIRROR_PAUSE)


class _Formatter(logging.Formatter):
    """Stacks without the text of the errors, which can quote a value."""

    def formatException(  # noqa: N802 - the name of the standard library
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        return describe(ei[1]) if ei[1] is not None else ""


def _log_to(path: Path) -> None:
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=3, encoding="utf-8")
    path.chmod(0o600)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # The driver logs every retry, and the addresses that it tries.
    logging.getLogger("neo4j").setLevel(logging.ERROR)
