"""The routes of the pages. Each asks one view for a context and fills one template with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from lineage.errors import TraceholdError
from tracehold.access import authorize
from tracehold.services import Services
from tracehold.ui.asked import Asked
from tracehold.ui.tracing import SCRIPTS

__all__ = ["add_pages", "render"]

NAVIGATION: Final = (
    ("/", "Home"),
    ("/datasets", "Datasets"),
    ("/models", "Models"),
    ("/jobs", "Jobs"),
    ("/skew", "Environments"),
    ("/pii", "Personal data"),
    ("/retention", "Retention"),
    ("/certificates", "Deletions"),
    ("/api", "API"),
)

_PERSONAL: Final = frozenset(
    {"/pii", "/datasets", "/datasets/{key}", "/models/{key}", "/columns/{key}"}
)
"""Pages that say where personal data is: who opens one stands on record."""

_View = Callable[[Asked], dict[str, Any]]


def _views() -> dict[str, tuple[str, _View]]:
    """Path → template and view. Views load late: the server starts before anyone looks."""
    from tracehold.ui import columns, entities, environments, governance, jobs, search
    from tracehold.ui.home import home

    return {
        "/": ("home.html", lambda asked: home(asked.services)),
        "/search": ("search.html", search.search),
        "/open": ("problem.html", search.opened),
        "/datasets": ("listing.html", entities.datasets),
        "/datasets/{key}": ("entity.html", entities.dataset),
        "/columns/{key}": ("entity.html", columns.column),
        "/models": ("listing.html", entities.models),
        "/models/{key}": ("entity.html", entities.model),
        "/jobs": ("listing.html", jobs.jobs),
        "/jobs/{key}": ("sections.html", jobs.job),
        "/runs/{key}": ("sections.html", jobs.run),
        "/skew": ("environments.html", environments.environments),
        "/pii": ("sections.html", lambda asked: governance.pii(asked.services)),
        "/retention": ("sections.html", lambda asked: governance.retention(asked.services)),
        "/certificates": ("sections.html", lambda asked: governance.certificates(asked.services)),
        "/certificates/{name}": (
            "sections.html",
            lambda asked: governance.certificate(asked.services, str(asked.path["name"])),
        ),
    }


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    loader = FileSystemLoader(folder)
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    found.globals["picture_scripts"] = SCRIPTS
    return found


def render(template: str, context: Mapping[str, Any]) -> str:
    """A template of the user interface, filled."""
    return str(_environment().get_template(template).render(context))


def _page(services: Services, path: str, template: str, view: _View) -> Callable[..., Any]:
    active = "/" + path.strip("/").partition("/")[0]

    def build(request: Request) -> Response:
        person = request.state.person
        query = request.query_params
        frame = {
            "person": person, "navigation": NAVIGATION, "active": active,
            "searched": query.get("text", "") if active == "/search" else "",
        }  # fmt: skip
        try:
            authorize(person, "question")
            seen = services.seen_by(person)
            context = view(Asked(seen, request.path_params, query))
            if path in _PERSONAL:
                services.told(person.id, f"page {path}", request.path_params.get("key", ""))
        except TraceholdError as error:
            text = render("problem.html", {**frame, "problem": error})
            return HTMLResponse(text, error.http_status)
        if "location" in context:
            return RedirectResponse(context["location"], status_code=303)
        return HTMLResponse(render(template, {**frame, **seen.seeing.masked(context)}))

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(build, request)

    return endpoint


def add_pages(app: FastAPI, services: Services) -> None:
    """Add the pages to the application; the gatekeeper has let the person in."""
    router = APIRouter(include_in_schema=False)
    for path, (template, view) in _views().items():
        endpoint = _page(services, path, template, view)
        router.add_api_route(path, endpoint, methods=["GET"], name=f"page {path}")
    app.include_router(router)
