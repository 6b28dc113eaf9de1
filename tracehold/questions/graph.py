"""How the graph and its mirror are."""

from __future__ import annotations

from typing import Final

import msgspec

from lineage.errors import Unavailable
from lineage.facts import Json
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["GRAPH"]


class AskGraph(Body, frozen=True, kw_only=True):
    """``verify`` reads the whole mirror back and compares digests."""

    verify: bool = False


def _graph(services: Services, params: AskGraph) -> Json:
    graph = services.sql_graph()
    answer: dict[str, Json] = {
        "url": services.settings.graph.url or None,
        "position": services.state.position(),
        "journal": services.journal.head().size,
        "digest": graph.stored_digest(),
        "mirror": None,
    }
    if services.neo4j is None:
        return answer
    mirror = _status(services, answer["position"])
    answer["mirror"] = mirror
    if params.verify:
        from lineage.graph.mirror import verify

        verified = verify(graph, services.neo4j)
        mirror["position"], mirror["digest"] = verified.position, verified.digest
        mirror["lag"] = max(services.state.position() - verified.position, 0)
        # The state is read back too: it is what the mirror is measured by.
        answer["equal"] = verified.equal and graph.digest() == graph.stored_digest()
    return answer


def _status(services: Services, position: int) -> dict[str, Json]:
    if services.mirror is not None:
        status: dict[str, Json] = msgspec.to_builtins(services.mirror.status())
        if status["position"] is not None:
            status["lag"] = max(position - status["position"], 0)
        return status
    # Nobody follows here, so whoever asks looks for himself.
    from lineage.graph.mirror import state_after

    assert services.neo4j is not None  # noqa: S101 - the caller looked
    try:
        there, digest = services.neo4j.meta()
    except Unavailable as error:
        return {"state": state_after(error), "reachable": False, "last_error": str(error)}
    lag = max(position - there, 0)
    fit = digest and lag <= services.settings.graph.max_lag_facts
    return {
        "state": "following" if fit else "behind",
        "reachable": True,
        "position": there,
        "lag": lag,
        "last_error": "",
    }


GRAPH: Final = (Question("graph", "State of the graph and its mirror.", AskGraph, _graph),)
