"""The application as a server runs it, pages included, and every route that it has."""

from __future__ import annotations

import re
from typing import Any

from tracehold_world import Api

from tracehold.http.app import create_app, create_routes
from tracehold.http.metrics import Metrics
from tracehold.ui.pages import add_pages

__all__ = ["census", "with_pages"]


def with_pages(api: Api) -> Api:
    """The application as a server runs it."""
    api.app = create_app(api.services, extend=[add_pages])
    return api


def census(api: Api) -> list[tuple[str, str]]:
    """Method and path of every route there is, pages too, with parameters filled in."""
    queue = list(create_routes(api.services, Metrics(), extend=[add_pages]).routes)
    found = []
    while queue:
        route: Any = queue.pop()
        included = getattr(route, "original_router", None)
        if included is not None:
            queue += included.routes
            continue
        path = re.sub(r"\{[^}]*\}", "x", route.path)
        found += [(method, path) for method in sorted(getattr(route, "methods", None) or {"GET"})]
    return found
