"""A small estate with a search index, and names as people give them, for tests of search."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from openlineage_events import T0, World, dataset, facet, run_event

from catalog.search.searching import Hit, Outcome, search
from lineage.identity import Label
from lineage.state.following import last_used
from tracehold.search_index import SearchIndex

__all__ = ["NOW", "SearchWorld", "column_names", "described", "table_names"]

NOW = T0 + 40 * 24 * 60 * 60 * 1000

_OF = (
    "customer", "order", "invoice", "payment", "shipment", "product", "supplier", "account",
    "contract", "employee", "store", "ticket", "campaign", "session", "device", "claim", "policy",
    "booking", "flight", "passenger", "vehicle", "sensor", "meter", "tariff", "warehouse",
)  # fmt: skip
_WHAT = (
    "id", "name", "email", "phone", "street", "city", "zip", "country", "amount", "currency",
    "status", "type", "created_at", "updated_at", "valid_from", "valid_to", "score", "category",
    "quantity", "price", "discount", "tax", "weight", "height", "latitude", "longitude", "hash",
    "version", "source", "comment", "birth_date", "iban", "language", "segment", "channel",
)  # fmt: skip
_HOW = ("", "", "", "billing", "shipping", "primary", "last", "first", "total", "net", "raw", "old")


def column_names(rng: random.Random, count: int) -> list[str]:
    """Names of the columns of one table, most in snake case, some in camel case."""
    found: dict[str, None] = {}
    while len(found) < count:
        words = [rng.choice(_HOW), rng.choice(_OF), *rng.choice(_WHAT).split("_")]
        words = [word for word in words if word]
        if rng.random() < 0.2:
            name = words[0] + "".join(word.title() for word in words[1:])
        else:
            name = "_".join(words)
        found[name] = None
    return list(found)


def table_names(rng: random.Random, count: int) -> list[str]:
    """Names of tables in schemas of a database."""
    return [
        f"{rng.choice(('crm', 'erp', 'dwh', 'mart', 'raw'))}.{rng.choice(_OF)}"
        f"_{rng.choice(_WHAT)}_{number:05d}"
        for number in range(count)
    ]


def described(
    name: str, columns: Sequence[str] = (), *, text: str = "", owner: str = "", tag: str = "",
    notes: dict[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A dataset with what people say of it."""
    found: dict[str, Any] = {}
    if columns:
        fields = [{"name": c, "description": (notes or {}).get(c, "")} for c in columns]
        found["schema"] = facet("SchemaDatasetFacet", fields=fields)
    if text:
        found["documentation"] = facet("DocumentationDatasetFacet", description=text)
    if owner:
        owners = [{"name": owner, "type": "MAINTAINER"}]
        found["ownership"] = facet("OwnershipDatasetFacet", owners=owners)
    if tag:
        tags = [{"key": tag, "value": "true", "source": "test"}]
        found["tags"] = facet("TagsDatasetFacet", tags=tags)
    return dataset(name, **found)


class SearchWorld:
    """A state on disk, and an index that follows it.

    Attributes:
        world: The state and what folds into it.
        index: The index beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.index = SearchIndex(self.world.state, folder)

    def has(self, *datasets: dict[str, Any], job: str = "job", minutes: float = 0) -> SearchWorld:
        """A run that writes these datasets."""
        event = run_event("COMPLETE", minutes, job=job, run=f"{job}-{minutes}", outputs=datasets)
        self.world.send(event)
        return self

    def outcome(
        self, text: str, label: Label | None = None, namespace: str | None = None
    ) -> Outcome:
        """What a search finds among the first candidates."""
        db = self.world.state.connection()
        with self.index.opened() as (index, _):
            return next(
                search(
                    index, text, now=NOW, label=label, namespace=namespace,
                    last_used=lambda keys: last_used(db, keys),
                )
            )  # fmt: skip

    def hits(self, text: str, label: Label | None = None) -> list[Hit]:
        """The hits, the best first."""
        return list(self.outcome(text, label).hits)

    def names(self, text: str, label: Label | None = None) -> list[str]:
        """Names of what is found, the best first."""
        hits = self.hits(text, label)
        nodes = self.world.state.nodes([hit.key for hit in hits])
        return [str(nodes[hit.key].props["name"]) for hit in hits]

    def everything(self, words: Iterable[str]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """What each word finds, with the columns that fit, order and date aside."""
        return {word: sorted((hit.key, hit.fields) for hit in self.hits(word)) for word in words}

    def close(self) -> None:
        self.world.close()
