"""The page on environments: which there are, and how the same datasets differ between two."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from catalog.skew import TOPICS, label_in
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.refs import parse_ref
from tracehold.questions import answer
from tracehold.ui.asked import Asked
from tracehold.ui.marks import Cell, link, mark, section, short

__all__ = ["comparison", "environments"]

_PAGE: Final = 50
_FIELDS: Final = ("one", "other", "text", "only", "as_of")
_WHAT: Final = {
    "presence": "whether it is there", "schema": "column", "order": "order of columns",
    "statistics": "figure", "version": "version", "code": "code of a job",
}  # fmt: skip


def environments(asked: Asked) -> dict[str, Any]:
    """The environments, and what differs between the two that are named.

    Raises:
        NotFound: Nothing is called so.
        InvalidInput: What is to be compared cannot be.
    """
    given = {name: asked.query.get(name, "").strip() for name in _FIELDS}
    both = bool(given["one"] and given["other"])
    question = {name: value for name, value in given.items() if value}
    if not both:
        question = {}
    elif asked.query.get("after"):
        question["after"] = asked.query["after"]
    found = answer(asked.services, "skew", {**question, "limit": _PAGE})
    items = found["items"]
    more = "" if found["next"] is None else f"/skew?{urlencode({**given, 'after': found['next']})}"
    return {
        "heading": "Environments",
        "given": given,
        "topics": list(TOPICS),
        "environments": found["environments"],
        "both": both,
        "standing": f"{found['differing']:,} of {found['compared']:,} datasets differ,"
        f" as of {found['as_of'][:19].replace('T', ' ')} UTC",
        "summary": _summary(asked, given, items),
        "details": [
            section(item["name"], ["What", "Which", given["one"], given["other"]], _detail(item))
            for item in items
        ],
        "more": more,
    }


def comparison(node: Node, tags: Json) -> Cell:
    """Where a dataset is compared with itself elsewhere, from the environment that is said of it.

    Args:
        node: The dataset.
        tags: Of its aspect ``tags``.
    """
    label, namespace = label_in(tags), str(node.props.get("namespace", ""))
    name = str(node.props.get("name", "")).rpartition("/")[2].rpartition(".")[2]
    asked = urlencode({"one": label or namespace, "text": name})
    return [*([label] if label else []), {"text": "compare", "href": f"/skew?{asked}"}]


def _summary(asked: Asked, given: dict[str, str], items: list[dict[str, Json]]) -> Json:
    def place(ref: str | None) -> Cell:
        return link("Dataset", parse_ref(ref).key(asked.services.identity), ref) if ref else "-"

    rows: list[list[Cell]] = []
    for number, item in enumerate(items, 1):
        topics = dict.fromkeys(one["topic"] for one in item["differences"])
        marks: list[Cell] = [mark(topic, "warn") for topic in topics]
        if item["ambiguous"]:
            marks.append(mark("several of that name"))
        name: Cell = {"text": item["name"], "href": f"#difference-{number}"}
        rows.append([name, place(item["one"]), place(item["other"]), marks])
    columns = ["Dataset", f"In {given['one']}", f"In {given['other']}", "Differs in"]
    return section("Datasets that differ", columns, rows)


def _detail(item: dict[str, Json]) -> list[list[Cell]]:
    return [
        [_WHAT[one["topic"]], one["name"] or "-", *(_side(one[side]) for side in ("one", "other"))]
        for one in item["differences"]
    ]


def _side(value: Json) -> Cell:
    if value is None:
        return mark("not there", "warn")
    return f"{value:,}" if isinstance(value, int) else short(value)
