"""The API page: what ``/openapi.json`` says, as a page that needs no network and no script."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tracehold.http.problems import REFUSED

__all__ = ["add_api_page"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{{ info.title }} API</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/static/style.css">
</head>
<body><main>
<h1>{{ info.title }} {{ info.version }}</h1>
<p>{{ info.description }}</p>
<p><a href="/openapi.json">openapi.json</a></p>
{% for tag, routes in groups.items() %}
<h2 id="{{ tag }}">{{ tag }}</h2>
{% for route in routes %}
<section>
  <h3><code>{{ route.method }} {{ route.path }}</code></h3>
  <p>{{ route.summary }}</p>
  {% if route.fields %}
  <table>
    <thead><tr><th>{{ route.place }}</th><th>Type</th><th>Needed</th><th>Default</th></tr></thead>
    <tbody>
    {% for field in route.fields %}
    <tr><td><code>{{ field.name }}</code></td><td>{{ field.type }}</td>
        <td>{{ "yes" if field.needed else "" }}</td><td>{{ field.default }}</td></tr>
    {% endfor %}
    </tbody>
  </table>
  {% endif %}
</section>
{% endfor %}
{% endfor %}
</main></body>
</html>
"""


def add_api_page(app: FastAPI) -> None:
    """Add ``/openapi.json`` and ``/api``."""

    async def document(_: Request) -> Response:
        from starlette.responses import JSONResponse

        return JSONResponse(app.openapi())

    @cache
    def page() -> str:
        from jinja2 import Environment

        described = app.openapi()
        pages = Environment(autoescape=True)
        groups = _groups(described)
        return pages.from_string(_PAGE).render(info=described["info"], groups=groups)

    async def show(_: Request) -> Response:
        return HTMLResponse(page())

    described: dict[str, Any] = {
        "tags": ["server"],
        "response_model": None,
        "openapi_extra": {"responses": {"default": REFUSED}},
    }
    app.add_api_route(
        "/openapi.json", document, methods=["GET"], summary="This interface as OpenAPI.",
        **described,
    )  # fmt: skip
    app.add_api_route(
        "/api", show, methods=["GET"], summary="This interface as a page.",
        response_class=HTMLResponse, **described,
    )  # fmt: skip


def _groups(described: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in sorted(described["paths"].items()):
        for method, route in methods.items():
            place, fields = _fields(route)
            groups.setdefault((route.get("tags") or ["server"])[0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": route.get("summary", ""),
                    "place": place,
                    "fields": fields,
                }
            )
    return groups


def _fields(route: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    if "requestBody" in route:
        schema = route["requestBody"]["content"]["application/json"]["schema"]
        needed = set(schema.get("required", ()))
        found = schema.get("properties", {}).items()
        return "Field", [_field(name, one, name in needed) for name, one in found]
    return "Parameter", [
        _field(one["name"], one["schema"], one["required"]) for one in route.get("parameters", ())
    ]


def _field(name: str, schema: dict[str, Any], needed: bool) -> dict[str, Any]:
    kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
    if schema.get("enum"):
        kinds = [str(one) for one in schema["enum"]]
    default = schema.get("default")
    return {
        "name": name,
        "type": " or ".join(str(kind) for kind in kinds if kind),
        "needed": needed,
        "default": "" if default in (None, "", [], {}) else default,
    }
