"""OpenLineage events of our own steps, sent through the official client.

A step that cannot report what it did has failed: lineage is not optional. So errors of the client
become errors of the step, after the client's own retries (it repeats 500, 502, 503 and 504 five
times; Tracehold answers 503 when it cannot keep an event).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from lineage.clock import Clock, format_millis
from lineage.errors import Denied, InvalidInput, TraceholdError, Unauthenticated, Unavailable
from orchestration.server_client import address

__all__ = ["PRODUCER", "Client", "In", "Out", "Step", "connect", "step_run_id"]

PRODUCER = "https://tracehold.dev/orchestration/1"
_ENGINE_JOB = "dagster"
Facets = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class In:
    """A dataset that a step reads."""

    namespace: str
    name: str
    facets: Facets = field(default_factory=dict)
    input_facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Out:
    """A dataset or a model that a step writes."""

    namespace: str
    name: str
    facets: Facets = field(default_factory=dict)
    output_facets: Facets = field(default_factory=dict)


def step_run_id(dagster_run_id: str, step_key: str, attempt: int) -> str:
    """The OpenLineage run id of one attempt of one step; the same whoever computes it."""
    return str(uuid.uuid5(uuid.UUID(dagster_run_id), f"{step_key}/{attempt}"))


class Client:
    """Sends events; the official client with errors that say what to do."""

    def __init__(self, url: str, token: str, *, timeout: float = 30.0) -> None:
        """``timeout`` is in seconds and holds for each attempt."""
        import requests
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.http import (
            ApiKeyTokenProvider,
            HttpConfig,
            HttpTransport,
        )

        auth = ApiKeyTokenProvider({"api_key": token})
        session = requests.Session()
        session.trust_env = False  # a proxy of the environment must not see the token
        config = HttpConfig(url=url, timeout=timeout, auth=auth, session=session)
        self._url = url
        self._client = OpenLineageClient(transport=HttpTransport(config))

    def send(self, event: Any) -> None:
        """Send one event and wait until the server has made it durable.

        Raises:
            Unauthenticated, Denied: The token is wrong or may not write here.
            InvalidInput: The server refuses the event.
            Unavailable: The server cannot be reached or cannot keep the event.
        """
        import requests

        try:
            self._client.emit(event)
        except requests.HTTPError as error:
            raise _refused(error, self._url) from None
        except (requests.RequestException, OSError):
            raise Unavailable(
                "the Tracehold server cannot be reached",
                where=self._url,
                advice="start it with tracehold up, then run the step again",
            ) from None


def _refused(error: Any, url: str) -> TraceholdError:
    status = error.response.status_code if error.response is not None else 0
    if status == 401:
        return Unauthenticated(
            "the token of the step is not accepted", where=url, advice="set TRACEHOLD_TOKEN"
        )
    if status == 403:
        return Denied(
            "the token of the step may not report lineage",
            where=url,
            advice="use a token with the role producer for this namespace",
        )
    if 400 <= status < 500:
        return InvalidInput(f"the server refused the event (HTTP {status})", where=url)
    return Unavailable(f"the server could not keep the event (HTTP {status})", where=url)


def connect(environ: Mapping[str, str]) -> Client:
    """The client that ``TRACEHOLD_URL`` and ``TRACEHOLD_TOKEN`` name.

    Raises:
        Unavailable: One of them is not set.
    """
    return Client(*address(environ))


@dataclass(slots=True)
class Step:
    """One attempt of one step, as OpenLineage sees it.

    Attributes:
        client: Where events go.
        clock: Event times, epoch milliseconds.
        namespace: The job namespace: the workspace's name.
        job: The job's name, for example ``bookings.ingest``.
        run_id: Of this attempt, from ``step_run_id``.
        parent: The Dagster run.
        inputs: Filled by the step before it completes.
        outputs: Filled by the step before it completes.
        run_facets: Facets of our own about the run, filled before it completes.
    """

    client: Client
    clock: Clock
    namespace: str
    job: str
    run_id: str
    parent: str
    inputs: list[In] = field(default_factory=list)
    outputs: list[Out] = field(default_factory=list)
    run_facets: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def reported(self) -> Iterator[Step]:
        """Report START, then COMPLETE, or FAIL with the class of the error and no text of it.

        The text of an error can hold a value of a row, so it never leaves the step.
        """
        self._send("START", [], [])
        try:
            yield self
        except Exception as error:
            # The step fails in any case; a server that is gone must not hide why.
            with suppress(TraceholdError):
                self._send("FAIL", self.inputs, [], error=error)
            raise
        self._send("COMPLETE", self.inputs, self.outputs)

    def _send(
        self,
        state: str,
        inputs: Sequence[In],
        outputs: Sequence[Out],
        *,
        error: Exception | None = None,
    ) -> None:
        from openlineage.client import event_v2 as ol

        event = ol.RunEvent(
            eventType=ol.RunState(state),
            eventTime=format_millis(self.clock()),
            producer=PRODUCER,
            run=ol.Run(self.run_id, facets=_run_facets(self, error)),
            job=ol.Job(self.namespace, self.job, facets=_job_facets()),
            inputs=[
                ol.InputDataset(
                    one.namespace,
                    one.name,
                    facets=dict(one.facets),
                    inputFacets=dict(one.input_facets),
                )
                for one in inputs
            ],
            outputs=[
                ol.OutputDataset(
                    one.namespace,
                    one.name,
                    facets=dict(one.facets),
                    outputFacets=dict(one.output_facets),
                )
                for one in outputs
            ],
        )
        self.client.send(event)


def _run_facets(step: Step, error: Exception | None) -> dict[str, Any]:
    from openlineage.client import facet_v2 as facets

    parent = facets.parent_run
    made: dict[str, Any] = {
        **step.run_facets,
        "parent": parent.ParentRunFacet(
            run=parent.Run(step.parent),
            job=parent.Job(step.namespace, _ENGINE_JOB),
            producer=PRODUCER,
        ),
    }
    if error is not None:
        code = error.code if isinstance(error, TraceholdError) else type(error).__name__
        made["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(
            message=code, programmingLanguage="PYTHON", producer=PRODUCER
        )
    return made


def _job_facets() -> dict[str, Any]:
    from openlineage.client import facet_v2 as facets

    return {
        "jobType": facets.job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="DAGSTER", jobType="ASSET", producer=PRODUCER
        )
    }
