"""How long ``tracehold up`` takes to answer on an empty estate, and how much memory it takes."""

from __future__ import annotations

import time

from rig import Options, Row, Scenario, folder
from running_server import make_workspace, serving

__all__ = ["SCENARIOS"]


def _start(options: Options) -> list[Row]:
    seconds, resident, cpu = [], [], []
    with folder() as home:
        workspace = make_workspace(home / "workspace")
        for _ in range(options.sized(10, 2)):
            began = time.perf_counter()
            with serving(workspace) as server:
                client = server.client()
                client.json("/api/v1/overview")
                seconds.append(time.perf_counter() - began)
                cpu.append(server.cpu_seconds())
                resident.append(server.resident_bytes() / 1e6)
                client.close()
    return [
        Row("until a question is answered", seconds, "s from the start of the process", "≤ 2"),
        Row("CPU until then", cpu, "s"),
        Row("resident", resident, "MB", "≤ 200"),
    ]


SCENARIOS = (Scenario("start", "`tracehold up` on an empty estate", _start),)
