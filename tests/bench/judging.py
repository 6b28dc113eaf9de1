"""Verdicts of the gate ``use``, over HTTP, each recorded before it is answered."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import closing

import msgspec
from graph_scale import record
from rig import Options, Row, Scenario, folder, quantile
from running_server import Client, make_workspace, serving
from used_data import assertions, found, schema, wrote

from privacy.facets import retention_facet

__all__ = ["SCENARIOS"]

_LONG = 10
_GATES = ("license", "purpose", "pii", "quality", "retention", "schema")
_PURPOSE = "dpv:ServiceProvision"
_RUNS = 20


def _estate(chains: int) -> Iterator[bytes]:
    """Chains of tables, each written by many runs, with all that the gates look at."""
    facets = {
        **assertions(unique=True, fresh=True),
        **schema(**{f"column_{number}": "int64" for number in range(20)}),
        "tracehold_retention": retention_facet("working_data", clock_start="2026-01-01"),
    }
    for run in range(_RUNS):
        for chain in range(chains):
            for place in range(_LONG):
                version = f"{run}"
                yield msgspec.json.encode(
                    wrote(
                        f"t{chain:04d}_{place}",
                        version,
                        minute=run * _LONG + place,
                        inputs=[(f"t{chain:04d}_{place - 1}", version)] if place else (),
                        purposes=[_PURPOSE],
                        facets={**facets, **found(version, column_0="")},
                    )
                )


def _ask(client: Client, chain: int) -> tuple[float, bool]:
    read = {
        "namespace": "shop", "name": f"t{chain:04d}_{_LONG - 1}", "version": str(_RUNS - 1),
        "columns": {"column_0": "int64"},
    }  # fmt: skip
    body = {
        "namespace": "shop", "name": f"model_{chain}", "inputs": [read], "gates": list(_GATES),
        "purpose": _PURPOSE,
    }  # fmt: skip
    began = time.perf_counter()
    status, answer = client.post("/api/v1/gates/use", json.dumps(body).encode())
    took = time.perf_counter() - began
    if status != 200:
        raise SystemExit(f"the gate answered {status}: {answer[:300]!r}")
    return took, bool(json.loads(answer)["allowed"])


def _verdicts(options: Options) -> list[Row]:
    chains = options.sized(500, 3)
    turns = options.sized(400, 5)
    rng = random.Random(3)
    with folder() as home:
        workspace = make_workspace(home / "estate")
        record(workspace, _estate(chains))
        with serving(workspace) as server, closing(server.client()) as client:
            _ask(client, 0)
            cpu = server.cpu_seconds()
            answers = [_ask(client, rng.randrange(chains)) for _ in range(turns)]
            cpu = server.cpu_seconds() - cpu
    if not all(allowed for _, allowed in answers):
        raise SystemExit("a sound version was refused")
    took = [seconds for seconds, _ in answers]
    return [
        Row("tables", [chains * _LONG], ""),
        Row("runs", [chains * _LONG * _RUNS], ""),
        Row("a verdict of six gates, p50", [quantile(took, 0.50) * 1e3], "ms"),
        Row("a verdict of six gates, p95", [quantile(took, 0.95) * 1e3], "ms", "≤ 50"),
        Row("server CPU", [cpu / turns * 1e3], "ms per verdict"),
    ]


SCENARIOS = (
    Scenario(
        "verdicts", "Verdicts on exact versions, recorded", _verdicts,
        note="Each input stands at the end of ten tables; every gate is asked, and the verdict is"
        " durable before it is answered.",
    ),
)  # fmt: skip
