"""A Dagster deployment with a history: samples played on one instance, its web server, and what a
sensor inside it sends.

As a program, ``dagster_history.py HOME``, it plays; ``dagster_location`` is the code location.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["LOCATION", "definitions", "played", "serving_dagster"]

LOCATION = "dagster_location"
_CHECKOUT = Path(__file__).resolve().parents[2]
_SAMPLES = ("chain", "checked", "sources", "bundle", "failing")
"""Those that fit into one code location and wipe nothing, which GraphQL does not tell."""
_SECONDS = 600.0


def _environment(home: Path) -> dict[str, str]:
    samples = _CHECKOUT / "tests" / "clients" / "dagster_samples"
    path = (_CHECKOUT / "clients" / "dagster", samples, Path(__file__).parent)
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONWARNINGS": "ignore",
    }


def played(home: Path) -> list[bytes]:
    """Play the samples; returns the events that the sensor of the code location would send."""
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", "utf-8")
    done = subprocess.run(
        [sys.executable, __file__, str(home)], env=_environment(home), capture_output=True,
        text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return (home / "sent.ndjson").read_bytes().splitlines()


@contextmanager
def serving_dagster(home: Path) -> Iterator[str]:
    """The web server of an instance, with the code location; yields its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port),
               "-m", LOCATION]  # fmt: skip
    with (home / "webserver.log").open("wb") as log:
        server = subprocess.Popen(command, env=_environment(home), cwd=home, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, server, home / "webserver.log")
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text("utf-8")[-3000:]
        try:
            urllib.request.urlopen(f"{url}/server_info", timeout=5).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text("utf-8")[-3000:])


def _play(home: Path) -> None:
    from dagster import AssetMaterialization, DagsterInstance
    from playing import Playing

    instance = DagsterInstance.from_config(str(home))
    for name in _SAMPLES:
        module = importlib.import_module(name)
        module.story(Playing(module.defs, instance))
    instance.report_runless_asset_event(AssetMaterialization("rules", metadata={"by": "hand"}))
    _note(home, instance)


def _note(home: Path, instance: Any) -> None:
    """Keep what a sensor would send of an instance."""
    from tracehold_dagster.names import Naming
    from tracehold_dagster.reading import read_graph
    from tracehold_dagster.sending import Delivery, encode
    from tracehold_dagster.tailing import Reading, follow

    reading = Reading(Naming(LOCATION), read_graph(definitions().get_repository_def()))
    with (home / "sent.ndjson").open("wb") as out:

        def deliver(events: Sequence[dict[str, Any]]) -> Delivery:
            out.writelines(encode(event) + b"\n" for event in events)
            return Delivery(len(events))

        done = follow(instance, None, reading, deliver)
    assert done.error is None


def definitions() -> Any:
    """The code location: all samples in one."""
    from dagster import Definitions

    return Definitions.merge(*(importlib.import_module(name).defs for name in _SAMPLES))


if __name__ == "__main__":
    _play(Path(sys.argv[1]))
