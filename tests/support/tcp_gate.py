"""A gate in front of a server: open, slow, shut (it refuses), or frozen (nothing passes)."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self


class TcpGate:
    """Forwards TCP from a port of its own to a target, until told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._passing = threading.Event()
        self._passing.set()
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._delay = 0.0
        self.port = 0
        self.open()

    def open(self) -> None:
        """Let everything pass, at once."""
        self._delay = 0.0
        self._passing.set()
        if self._listener is None:
            listener = socket.create_server(("127.0.0.1", self.port))
            self.port = listener.getsockname()[1]
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def freeze(self) -> None:
        """Accept connections and bytes, pass nothing on: a server that hangs."""
        self._passing.clear()

    def slow_down(self, seconds: float) -> None:
        """Hold back whatever the target says for so long: a server that is slow."""
        self._delay = seconds

    def cut(self) -> None:
        """Cut every connection, in the middle of whatever it carries; new ones are accepted."""
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def shut(self) -> None:
        """Cut every connection and refuse new ones: a server that died."""
        if self._listener is not None:
            # Waking accept() up is what frees the port.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._passing.set()
        self.shut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target, timeout=10)
                far.settimeout(None)
            except OSError:
                return
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(
                    target=self._pump, args=(source, sink), kwargs={"told": sink is near},
                    daemon=True,
                ).start()  # fmt: skip

    def _pump(self, source: socket.socket, sink: socket.socket, *, told: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait()
                if told and self._delay:
                    time.sleep(self._delay)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
