"""What a producer may say whose token speaks for some namespaces only.

It may report jobs, datasets and outputs of its namespaces. It may read from anywhere, for that is
what lineage is about, and what it saw of an input counts; but what an input of others *is* (whose
it is, under which terms, that it is gone) is for them to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from lineage.errors import Denied
from lineage.facts import Json

__all__ = ["Reach", "confine", "datasets"]

Reach = Callable[[str], bool]
"""Whether a producer speaks for a namespace."""

_DECLARING: Final = frozenset({"documentation", "lifecycleStateChange", "ownership", "tags"})
_OURS: Final = "tracehold_"
_USE: Final = "tracehold_training"
"""Says how a run used its input, which is for the run to say."""


def confine(event: dict[str, Json], reach: Reach) -> Iterator[tuple[str, str]]:
    """Hold an event to the namespaces of its producer.

    Facets that declare something of an input beyond its reach are taken out of the event; the
    bytes as received keep them.

    Args:
        event: As read, its facets by name; changed.
        reach: Of the producer.

    Yields:
        What was taken out: where it stood, and its name.

    Raises:
        Denied: The job, the dataset of a dataset event, or an output lies beyond its reach.
    """
    if "job" not in event:
        _check(event["dataset"], "/dataset", reach)
        return
    _check(event["job"], "/job", reach)
    for place, output in datasets(event.get("outputs")):
        _check(output, f"/outputs/{place}", reach)
    for place, given in datasets(event.get("inputs")):
        if reach(given["namespace"]):
            continue
        for member in ("facets", "inputFacets"):
            facets: Json = given.get(member)
            if not isinstance(facets, dict):
                continue
            for name in sorted(facets):
                if name in _DECLARING or (name.startswith(_OURS) and name != _USE):
                    del facets[name]
                    yield f"/inputs/{place}/{member}", name


def datasets(found: Json) -> Iterator[tuple[int, dict[str, Json]]]:
    """Place and dataset of each input or output that names its namespace."""
    for place, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, dict) and isinstance(one.get("namespace"), str):
            yield place, one


def _check(part: Json, at: str, reach: Reach) -> None:
    if not reach(part["namespace"]):
        raise Denied(
            "the token does not report for this namespace",
            where=f"{at}/namespace",
            advice="use a token of that namespace, or ask an admin for one",
        )
