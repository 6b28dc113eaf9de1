"""A server under fire, shared by the tests of one module."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hostile import PEAK, Hostile, event
from running_server import make_workspace, serving


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder = make_workspace(tmp_path_factory.mktemp("hostile") / "shop")
    with serving(folder) as server:
        under_fire = Hostile(server)
        yield under_fire
        assert under_fire.peak_bytes() < PEAK
        under_fire.close()


@pytest.fixture
def alive_afterwards(hostile: Hostile) -> Iterator[None]:
    """After every input the server takes a good event."""
    yield
    hostile.take(event())
    metrics = hostile.client.get("/metrics")[1].decode()
    failed = re.findall(r".status=\"5xx\". (\d+)", metrics)
    assert not failed
