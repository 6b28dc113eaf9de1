"""The act on the mirror: fill it again."""

from __future__ import annotations

from typing import Final

from catalog.people import Person
from lineage.errors import Unavailable
from lineage.facts import Json
from tracehold.acts.act import Act, Body
from tracehold.services import Services

__all__ = ["MIRROR"]


class FillMirror(Body, frozen=True, kw_only=True):
    """``take_over`` replaces the graph of another workspace too."""

    take_over: bool = False


def _fill(services: Services, _: Person, asked: FillMirror) -> Json:
    mirror = services.mirror
    if mirror is None:
        raise Unavailable(
            "no graph is configured to mirror into",
            where="graph.url",
            advice="set graph.url, or start one for trying out: tracehold graph neo4j",
        )
    if services.serving:
        # The mirror serves one thread, its own.
        mirror.ask_to_fill(take_over=asked.take_over)
        return {"asked": True, "fills": mirror.status().fills}
    if not mirror.fill(take_over=asked.take_over):
        raise Unavailable(
            mirror.status().last_error or "the graph was not filled",
            where=services.settings.graph.url,
            advice="look at the server, at user and password; then fill it again",
        )
    return {"asked": True, "position": mirror.status().position}


MIRROR: Final = (Act("graph.mirror", "Fill the mirror again.", FillMirror, _fill),)
