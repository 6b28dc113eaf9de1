"""The routes of the pages. Each asks one view for a context and fills one template with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lineage.errors import TraceholdError
from tracehold.access import authorize
from tracehold.bootstrap import Services

__all__ = ["add_pages", "render"]

NAVIGATION: Final = (
    ("/", "Home"),
    ("/datasets", "Datasets"),
    ("/models", "Models"),
    ("/pii", "Personal data"),
    ("/retention", "Retention"),
    ("/certificates", "Deletions"),
    ("/api", "API"),
)

_View = Callable[[Services, Mapping[str, str], Mapping[str, str]], dict[str, Any]]


def _views() -> dict[str, tuple[str, _View]]:
    """Path → template and view. Views load late: the server starts before anyone looks."""
    from tracehold.ui import entities, governance
    from tracehold.ui.home import home

    return {
        "/": ("home.html", lambda s, _p, _q: home(s)),
        "/datasets": ("listing.html", lambda s, _p, q: entities.datasets(s, q)),
        "/datasets/{key}": ("entity.html", lambda s, p, q: entities.dataset(s, p["key"], q)),
        "/models": ("listing.html", lambda s, _p, q: entities.models(s, q)),
        "/models/{key}": ("entity.html", lambda s, p, q: entities.model(s, p["key"], q)),
        "/pii": ("sections.html", lambda s, _p, _q: governance.pii(s)),
        "/retention": ("sections.html", lambda s, _p, _q: governance.retention(s)),
        "/certificates": ("sections.html", lambda s, _p, _q: governance.certificates(s)),
        "/certificates/{name}": (
            "sections.html",
            lambda s, p, _q: governance.certificate(s, p["name"]),
        ),
    }


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)


def render(template: str, context: Mapping[str, Any]) -> str:
    """A template of the user interface, filled."""
    return str(_environment().get_template(template).render(context))


def _page(services: Services, path: str, template: str, view: _View) -> Callable[..., Any]:
    active = "/" + path.strip("/").partition("/")[0]

    def build(request: Request) -> tuple[str, int]:
        frame = {"person": request.state.person, "navigation": NAVIGATION, "active": active}
        try:
            authorize(request.state.person, "question")
            context = view(services, request.path_params, request.query_params)
        except TraceholdError as error:
            return render("problem.html", {**frame, "problem": error}), error.http_status
        return render(template, {**frame, **context}), 200

    async def endpoint(request: Request) -> Response:
        text, status = await run_in_threadpool(build, request)
        return HTMLResponse(text, status_code=status)

    return endpoint


def add_pages(app: FastAPI, services: Services) -> None:
    """Add the pages to the application; the gatekeeper has let the person in."""
    router = APIRouter(include_in_schema=False)
    for path, (template, view) in _views().items():
        endpoint = _page(services, path, template, view)
        router.add_api_route(path, endpoint, methods=["GET"], name=f"page {path}")
    app.include_router(router)
