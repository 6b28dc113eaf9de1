"""A route whose parameters can hold anything, a slash too: it looks at the path as it was sent.

A server decodes a path before routes see it, so that ``%2F`` in a name would part it. Here the path
is matched as it stands, and each parameter is decoded by itself, once.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

__all__ = ["RawRoute", "RestRoute", "takes_rest"]


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


class RestRoute(RawRoute):
    """A route whose one parameter takes the rest of the path, slashes too.

    There are clients that encode the slashes of a name in some paths and not in others. It must be
    looked at behind all routes that are longer.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.path_regex = re.compile(self.path_regex.pattern.replace("[^/]+", ".+"), re.DOTALL)


def takes_rest(path: str) -> bool:
    """Whether a path has one parameter, at its end."""
    return path.count("{") == 1 and path.endswith("}")
