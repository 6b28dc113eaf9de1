"""Where the code of an asset lies, from the references that its definition has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

from tracehold_dagster import keys
from tracehold_dagster.facets import Facet, facet
from tracehold_dagster.records import Asset, Json

__all__ = ["source_code"]

_HOSTED: Final = re.compile(
    r"(?P<repo>https?://[^/]+/.+?)(?:/-)?/(?:blob|tree)/(?P<ref>[^/]+)/(?P<path>[^#?]+)"
)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def source_code(assets: Iterable[Asset]) -> dict[str, Facet]:
    """The facet ``sourceCodeLocation`` of the job that makes assets; of the first that has one.

    An address in a repository is taken before a file on the machine that defined the asset.
    """
    references: list[Json] = []
    for asset in assets:
        said = asset.metadata.get(keys.CODE_REFERENCES)
        if said is not None and said.kind == "code_references":
            references += said.value
    for one in references:
        if isinstance(one.get("url"), str):
            return {"sourceCodeLocation": _of_url(one["url"])}
    for one in references:
        if isinstance(one.get("file"), str):
            path = quote(one["file"].replace("\\", "/"))
            url = f"file://{path}" if path.startswith("/") else f"file:///{path}"
            return {"sourceCodeLocation": facet("sourceCodeLocation", type="file", url=url)}
    return {}


def _of_url(url: str) -> Facet:
    hosted = _HOSTED.match(url)
    if hosted is None:
        return facet("sourceCodeLocation", type="git", url=url)
    ref = unquote(hosted["ref"])
    commit = ref if _COMMIT.fullmatch(ref) else None
    return facet(
        "sourceCodeLocation",
        type="git",
        url=url,
        repoUrl=hosted["repo"],
        path=unquote(hosted["path"]),
        version=commit,
        branch=None if commit else ref,
    )
