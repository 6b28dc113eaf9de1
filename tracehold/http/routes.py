"""The JSON interface: one exact route per act and per question, so that the census is the API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from catalog.people import Person
from lineage.facts import Json
from tracehold.access import authorize
from tracehold.access_log import about, is_personal
from tracehold.acts import ACTS, perform
from tracehold.acts.act import read_fields
from tracehold.gates import GATES, decide
from tracehold.http.body import read_body
from tracehold.http.ingest import Ingest
from tracehold.http.metrics import CONTENT_TYPE, Metrics, render
from tracehold.http.problems import REFUSED
from tracehold.http.raw_route import RawRoute, RestRoute, takes_rest
from tracehold.questions import QUESTIONS, ask
from tracehold.questions.health import gauges, health
from tracehold.questions.knowing import HUNG_UP
from tracehold.services import Services

__all__ = ["ACT_BYTES", "LINEAGE", "add_routes"]

ACT_BYTES: Final = 1024 * 1024
"""Largest body of an act or a gate."""

_PREFIX: Final = "/api/v1"
LINEAGE: Final = f"{_PREFIX}/lineage"
"""Where events are sent."""
_PLAIN: Final = str.maketrans("/.-", "___", "{}")
_Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def add_routes(app: FastAPI, services: Services, metrics: Metrics, ingest: Ingest) -> None:
    """Add every route of the JSON interface."""
    _add(
        app, "POST", LINEAGE, ingest.receive, tag="lineage",
        summary="Receive one OpenLineage event; 201 once it is durable.", body={"type": "object"},
        status=201,
    )  # fmt: skip
    _add(
        app, "POST", f"{LINEAGE}/batch", ingest.receive_batch, tag="lineage",
        summary="Receive an array of OpenLineage events; what came of each, once they are durable.",
        body={"type": "array", "items": {"type": "object"}},
    )  # fmt: skip
    for name, act in ACTS.items():
        _add(
            app, "POST", f"{_PREFIX}/acts/{name}", _act(services, metrics, name), tag="acts",
            summary=act.summary,
            body=_schema(act.body),
        )  # fmt: skip
    for name, gate in GATES.items():
        _add(
            app, "POST", f"{_PREFIX}/gates/{name}", _gate(services, name), tag="gates",
            summary=gate.summary,
            body=_schema(gate.body),
        )  # fmt: skip
    for name, question in sorted(QUESTIONS.items(), key=lambda item: takes_rest(item[0])):
        _add(
            app, "GET", f"{_PREFIX}/{name}", _question(services, name), tag="questions",
            summary=question.summary,
            query=_schema(question.params),
        )  # fmt: skip

    async def measure(request: Request) -> Response:
        authorize(request.state.person, "metrics")
        figures = await run_in_threadpool(gauges, services)
        return Response(render(metrics, figures), media_type=CONTENT_TYPE)

    async def alive(_: Request) -> Response:
        answer = await run_in_threadpool(health, services)
        return _json(answer, 200 if answer["status"] == "ok" else 503)

    _add(app, "GET", "/health", alive, tag="server", summary="Whether it lives and writes.")
    _add(app, "GET", "/metrics", measure, tag="server", summary="Figures for Prometheus.",
         kind=PlainTextResponse)  # fmt: skip


def _act(services: Services, metrics: Metrics, name: str) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        authorize(request.state.person, name)
        raw = await read_body(request, limit=ACT_BYTES)
        person = request.state.identify()
        answer = await run_in_threadpool(perform, services, person, name, raw)
        metrics.count("tracehold_acts_total", act=name)
        return _json(answer)

    return endpoint


def _gate(services: Services, name: str) -> _Endpoint:
    gate = GATES[name]

    async def endpoint(request: Request) -> Response:
        authorize(request.state.person, f"gates.{name}")
        raw = await read_body(request, limit=ACT_BYTES)
        person = request.state.identify()
        authorize(person, f"gates.{name}")
        fields = read_fields(raw, gate.body)
        return _json(await run_in_threadpool(decide, services, person, gate, fields))

    return endpoint


def _question(services: Services, name: str) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        params = {**request.query_params, **request.path_params}
        gone = threading.Event()
        watching = asyncio.create_task(_watch(request, gone))
        HUNG_UP.set(gone.is_set)
        try:
            body = await run_in_threadpool(_told, services, request.state.person, name, params)
        finally:
            watching.cancel()
        return Response(body, media_type="application/json")

    return endpoint


def _told(services: Services, person: Person, name: str, params: Mapping[str, Json]) -> bytes:
    """The answer as JSON; where it says where personal data is, that is on record by then."""
    body = msgspec.json.encode(ask(services, person, name, params))
    if is_personal(name, body):
        services.told(person.id, name, about(params))
    return body


async def _watch(request: Request, gone: threading.Event) -> None:
    """Notice when the client hangs up: then nobody waits for the answer any more."""
    message = await request.receive()
    while message["type"] == "http.request" and message.get("more_body"):
        message = await request.receive()
    if message["type"] == "http.request":
        message = await request.receive()
    if message["type"] == "http.disconnect":
        gone.set()


def _json(answer: Json, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


def _schema(form: type[msgspec.Struct]) -> Json:
    """A JSON Schema in one piece, as OpenAPI 3.1 takes it."""
    [schema], parts = msgspec.json.schema_components([form], ref_template="#/$defs/{name}")
    whole = parts.pop(form.__name__, schema)
    return _inlined(whole, parts)


def _inlined(schema: Json, parts: dict[str, Json]) -> Json:
    if isinstance(schema, list):
        return [_inlined(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    target = schema.get("$ref", "")
    if target:
        return _inlined(parts[target.rpartition("/")[2]], parts)
    return {key: _inlined(value, parts) for key, value in schema.items()}


def _route_class(path: str) -> type[APIRoute] | None:
    if takes_rest(path):
        return RestRoute
    return RawRoute if "{" in path else None


def _add(
    app: FastAPI,
    method: str,
    path: str,
    endpoint: _Endpoint,
    *,
    tag: str,
    summary: str,
    body: Json = None,
    query: Json = None,
    status: int = 200,
    kind: type[Response] = JSONResponse,
) -> None:
    extra: dict[str, Any] = {"responses": {"default": REFUSED}}
    if body is not None:
        extra["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": body}},
        }  # fmt: skip
    if query is not None:
        needed = set(query.get("required", ()))
        extra["parameters"] = [
            {
                "name": name,
                "in": "path" if f"{{{name}}}" in path else "query",
                "required": name in needed or f"{{{name}}}" in path,
                "schema": schema,
            }
            for name, schema in query.get("properties", {}).items()
        ]
    app.router.add_api_route(
        path,
        endpoint,
        methods=[method],
        tags=[tag],
        summary=summary,
        name=f"{method} {path}",
        operation_id=method.lower() + path.removeprefix(_PREFIX).translate(_PLAIN),
        openapi_extra=extra,
        response_class=kind,
        response_model=None,
        status_code=status,
        route_class_override=_route_class(path),
    )
