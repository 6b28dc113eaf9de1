"""The act on the mirror: fill it again."""

from __future__ import annotations

from typing import Final

from catalog.people import Person
from lineage.errors import Unavailable
from lineage.facts import Json
from tracehold.acts.act import Act, Body
from tracehold.bootstrap import Services

__all__ = ["MIRROR"]


class FillMirror(Body, frozen=True, kw_only=True):
    """Nothing to say."""


def _fill(services: Services, _: Person, __: FillMirror) -> Json:
    if services.mirror is None:
        raise Unavailable(
            "no graph is configured to mirror into",
            where="graph.url",
            advice="set graph.url, or start one for trying out: tracehold graph neo4j",
        )
    if services.serving:
        # The mirror serves one thread, its own.
        services.refill.set()
        return {"asked": True}
    if not services.mirror.fill():
        raise Unavailable(
            services.mirror.status().last_error or "the graph was not filled",
            where=services.settings.graph.url,
            advice="check that Neo4j runs and that the password is right",
        )
    return {"asked": True, "position": services.mirror.status().position}


MIRROR: Final = (Act("graph.mirror", "Fill the mirror again.", FillMirror, _fill),)
