"""Skew: how the datasets of one environment differ from the same ones of another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from catalog.skew import TOPICS, Difference, Pair, Place, Side, compare, label_in, pairs
from lineage.clock import format_millis
from lineage.errors import InvalidInput, NotFound
from lineage.facts import Json
from lineage.state.port import AspectValue
from lineage.trace.names import reference_text
from tracehold.questions.entities import MOST
from tracehold.questions.marquez.seen import listing_of
from tracehold.questions.question import Body, Question, check_limit, moment
from tracehold.services import Services

__all__ = ["SKEW"]

_TENTH: Final = 0.1
_ASPECTS: Final = {
    "schema": "schema", "order": "schema", "statistics": "statistics", "version": "version",
}  # fmt: skip
Spoken = Mapping[str, Mapping[str, Sequence[AspectValue]]]


class AskSkew(Body, frozen=True, kw_only=True):
    """Two environments, each by its label or as a namespace; none to list those there are.

    ``text`` is part of the names compared; ``only`` what to look at, separated by commas;
    ``tolerance`` the part of the larger figure by which figures may differ; ``after`` the ``next``
    of the page before.
    """

    one: str = ""
    other: str = ""
    text: str = ""
    only: str = ""
    tolerance: float = _TENTH
    as_of: str = ""
    limit: int = 100
    after: int = 0


def _skew(services: Services, params: AskSkew) -> Json:
    check_limit(params.limit, MOST)
    if not 0 <= params.tolerance < 1:
        raise InvalidInput(
            "a tolerance is a part of one", where="tolerance", advice="a tenth is 0.1"
        )
    topics = set(filter(None, params.only.split(","))) or {*TOPICS}
    if strange := sorted(topics - {*TOPICS}):
        raise InvalidInput(
            f"there is no {strange[0]!r} to compare", where="only",
            advice=f"give some of: {', '.join(TOPICS)}",
        )  # fmt: skip
    as_of = moment(services, params.as_of)
    labeled = _labeled(services, as_of)
    answer: dict[str, Json] = {
        "environments": [
            {"name": name, "datasets": len(found)} for name, found in sorted(labeled.items())
        ],
        "as_of": format_millis(as_of),
        "known_at": services.state.position(),
    }
    if not params.one and not params.other:
        return {**answer, "items": [], "compared": 0, "differing": 0, "next": None}
    if not params.one or not params.other:
        raise InvalidInput("two environments are compared", advice="give both, or none")
    sides = [_places(services, labeled, name) for name in (params.one, params.other)]
    labels = _spelled(params.one), _spelled(params.other)
    wanted = params.text.lower()
    found = [one for one in pairs(sides[0], sides[1], labels) if wanted in one.name.lower()]
    items = _compared(services, found, params.tolerance, topics, as_of)
    differing = [item for item in items if item["differences"]]
    shown = differing[params.after : params.after + params.limit]
    more = params.after + len(shown)
    return {
        **answer,
        "items": shown,
        "compared": len(items),
        "differing": len(differing),
        "next": more if more < len(differing) else None,
    }


def _labeled(services: Services, as_of: int) -> dict[str, set[str]]:
    """Keys of datasets by environment: as tagged, else as the jobs that write them are."""
    tagged = {
        key: label
        for key, values in services.state.with_aspect("tags", as_of).items()
        if (label := next(filter(None, (label_in(one.value) for one in values)), ""))
    }
    nodes = services.state.nodes(list(tagged))
    own = {key for key, node in nodes.items() if node.label == "Dataset"}
    jobs = [key for key, node in nodes.items() if node.label == "Job"]
    found: dict[str, set[str]] = {}
    for key in own:
        found.setdefault(tagged[key], set()).add(key)
    written = listing_of(services).touched(jobs, as_of)
    seen = services.state.nodes(sorted({key for one in written.values() for key in one.writes}))
    for job, touched in written.items():
        for key in touched.writes:
            if key in seen and key not in own:
                found.setdefault(tagged[job], set()).add(key)
    return found


def _spelled(name: str) -> str:
    return name if "://" in name else name.strip().lower()


def _places(services: Services, labeled: Mapping[str, set[str]], name: str) -> list[Place]:
    """The datasets of an environment, or of a namespace where no environment is called so."""
    keys = labeled.get(name.strip().lower())
    if keys is None:
        nodes = listing_of(services).named("Dataset", name, limit=-1)
    else:
        nodes = [*services.state.nodes(sorted(keys)).values()]
    if not nodes:
        raise NotFound(
            "there is no such environment", where=name,
            advice="tracehold skew lists them; a namespace serves too",
        )  # fmt: skip
    return [Place(str(n.props["namespace"]), str(n.props["name"]), n.key) for n in nodes]


def _compared(
    services: Services, found: Sequence[Pair], tolerance: float, topics: Collection[str], as_of: int
) -> list[dict[str, Json]]:
    both = [one for one in found if one.one is not None and one.other is not None]
    keys = [place.key for pair in both for place in (pair.one, pair.other) if place is not None]
    aspects = {_ASPECTS[topic] for topic in topics if topic in _ASPECTS}
    said = services.state.aspects(keys, sorted(aspects), as_of)
    code = _code(services, keys, as_of) if "code" in topics else {}
    refs = {
        key: reference_text(node, key)
        for key, node in services.state.nodes(
            [place.key for pair in found for place in (pair.one, pair.other) if place]
        ).items()
    }

    def side(place: Place) -> Side:
        return _side(said.get(place.key, {}), code.get(place.key, {}))

    items = []
    for pair in found:
        differences = (
            compare(side(pair.one), side(pair.other), tolerance)
            if pair.one is not None and pair.other is not None
            else [_absent(pair)]
        )
        items.append(
            {
                "name": pair.name,
                "one": refs[pair.one.key] if pair.one else None,
                "other": refs[pair.other.key] if pair.other else None,
                "ambiguous": pair.ambiguous,
                "differences": [
                    {"topic": d.topic, "name": d.name, "one": d.before, "other": d.after}
                    for d in differences
                    if d.topic in topics
                ],
            }
        )
    return items


def _absent(pair: Pair) -> Difference:
    return Difference(
        "presence", "", "there" if pair.one else None, "there" if pair.other else None
    )


def _side(said: Mapping[str, Sequence[AspectValue]], code: Mapping[str, str]) -> Side:
    def held(aspect: str) -> Json:
        values = said.get(aspect, ())
        return values[0].value if values else None

    schema, statistics, version = held("schema"), held("statistics"), held("version")
    columns = schema["fields"] if schema else []
    return Side(
        columns=[(one["name"], one.get("type", "")) for one in columns],
        statistics=statistics or {},
        version=version or "",
        code=code,
    )


def _code(services: Services, keys: Iterable[str], as_of: int) -> dict[str, dict[str, str]]:
    """Per dataset the version of the code of each job that writes it."""
    written = {key: one.writes for key, one in listing_of(services).touched([*keys], as_of).items()}
    jobs = sorted({job for writes in written.values() for job in writes})
    nodes = services.state.nodes(jobs)
    said = services.state.aspects(jobs, ("code",), as_of)
    versions = {
        job: version
        for job, aspects in said.items()
        if isinstance(version := aspects["code"][0].value.get("version"), str) and version
    }
    return {
        key: {str(nodes[job].props["name"]): versions[job] for job in writes if job in versions}
        for key, writes in written.items()
    }


SKEW: Final[Sequence[Question]] = (
    Question("skew", "How the same datasets differ between environments.", AskSkew, _skew),
)
"""One question."""
