"""A route whose parameters can hold anything, a slash too: it looks at the path as it was sent.

A server decodes a path before routes see it, so that ``%2F`` in a name would part it. Here the path
is matched as it stands, and each parameter is decoded by itself, once.
"""

from __future__ import annotations

from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

__all__ = ["RawRoute"]


class RawRoute(APIRoute):
    """Matches the percent-encoded path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the route is meant, with the parameters decoded."""
        raw = scope.get("raw_path")
        if scope["type"] != "http" or raw is None:
            return super().matches(scope)
        path = raw.partition(b"?")[0].decode("latin-1")
        match, child = super().matches({**scope, "path": path})
        if match != Match.NONE:
            child["path_params"] = {
                name: unquote(value) for name, value in child["path_params"].items()
            }
        return match, child
