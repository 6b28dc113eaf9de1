"""A small project whose model is guarded, and a server that judges it."""

# Dagster compares annotations, so they stay objects here.
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from live_clients import settle
from running_server import RunningServer, make_workspace, serving

from tracehold_dagster.names import Naming
from tracehold_dagster.reading import read_graph
from tracehold_dagster.sending import Sender
from tracehold_dagster.tailing import Reading, flush

__all__ = ["FREE", "NONCOMMERCIAL", "Project", "failure_of", "licensed", "served"]

FREE = "CC0-1.0"
NONCOMMERCIAL = "CC-BY-NC-4.0"
NAMESPACE = "shop"


def licensed(expression: str) -> dict[str, Any]:
    """Metadata of a materialization that declares a license."""
    facet = {"_producer": "https://example.org/t", "_schemaURL": "https://example.org/l.json"}
    return {"tracehold/dataset_facets": {"tracehold_license": {**facet, "declared": expression}}}


@dataclass
class Project:
    """An instance of Dagster, a server, and what ran.

    Attributes:
        instance: Of Dagster.
        server: That is asked.
        ran: Names of assets whose own code ran, in order.
    """

    instance: dg.DagsterInstance
    server: RunningServer
    ran: list[str] = field(default_factory=list)

    def materialize(self, assets: Any, *, only: Any = None, **more: Any) -> Any:
        """Run assets, or some of them, without raising."""
        return dg.materialize(
            assets, instance=self.instance, selection=only, raise_on_error=False, **more
        )

    def act(self, name: str, token: str = "", /, **body: Any) -> Any:
        """Do something on the server, as whoever the token is of."""
        client = self.server.client()
        if token:
            client._headers["Authorization"] = f"Bearer {token}"
        status, answer = client.post(f"/api/v1/acts/{name}", json.dumps(body).encode())
        client.close()
        assert status == 200, answer
        return json.loads(answer)

    def waive(self, dataset: str, scope: str, *, model: str = "") -> str:
        """Let an approver accept causes against a dataset, or a version of a model; its id."""
        hired = self.act("person.add", name=f"approver of {model or dataset}", roles=["approver"])
        what = {"model": model} if model else {"dataset": f"dataset:[{NAMESPACE}]{dataset}"}
        granted = self.act(
            "waiver.grant", hired["token"], **what,
            scope=scope, reason="pilot", expires="2099-12-31",
        )  # fmt: skip
        return str(granted["waiver"])

    def report(self, result: Any) -> None:
        """Send what a run recorded, as the sensor does sooner or later."""
        graph = read_graph(result._job_def.asset_layer.asset_graph)
        with closing(Sender(self.server.url, self.server.token)) as sender:
            reading = Reading(Naming(NAMESPACE), graph)
            flush(self.instance, [result.run_id], reading, sender.send)

    def trace(self, ref: str) -> Any:
        """What the server traces upwards, once everything is folded."""
        settle(self.server)
        client = self.server.client()
        try:
            return client.json("/api/v1/trace", ref=ref, direction="up")
        finally:
            client.close()


@contextmanager
def served(folder: Path) -> Iterator[RunningServer]:
    """A server of its own."""
    with serving(make_workspace(folder / "workspace")) as running:
        yield running


def failure_of(result: Any, step: str) -> Any:
    """What a step of a run failed with, as Dagster keeps it."""
    [event] = [one for one in result.all_events if one.is_step_failure and one.step_key == step]
    return event.step_failure_data
