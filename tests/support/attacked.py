"""The application as a server runs it, pages included, and every route that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tracehold_world import Api

from tracehold.http.app import create_app, create_routes
from tracehold.http.metrics import Metrics
from tracehold.ui.pages import add_pages

__all__ = ["census", "patterns", "with_pages"]


def with_pages(api: Api) -> Api:
    """The application as a server runs it."""
    api.app = create_app(api.services, extend=[add_pages])
    return api


def patterns(api: Api) -> Iterator[tuple[str, str]]:
    """Method and path of every route there is, pages too, with parameters in braces."""
    queue = list(create_routes(api.services, Metrics(), extend=[add_pages]).routes)
    while queue:
        route: Any = queue.pop()
        included = getattr(route, "original_router", None)
        if included is not None:
            queue += included.routes
            continue
        for method in sorted(getattr(route, "methods", None) or {"GET"}):
            yield method, route.path


def census(api: Api) -> list[tuple[str, str]]:
    """The same with something put in for each parameter."""
    return [(method, re.sub(r"\{[^}]*\}", "x", path)) for method, path in patterns(api)]
