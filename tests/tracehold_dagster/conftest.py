"""A project whose assets ask the server of the test's module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from guarded_project import Project
from running_server import RunningServer


@pytest.fixture
def project(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    monkeypatch.setenv("TRACEHOLD_URL", server.url)
    monkeypatch.setenv("TRACEHOLD_TOKEN", server.token)
    monkeypatch.setenv("TRACEHOLD_NAMESPACE", "shop")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Project(instance, server)
