"""What a step records about what it made: metadata of its materialization, and nothing else.

The translator of ``tracehold_dagster`` makes the events from it, as for anybody's assets. What
Dagster has words for is said in those; the facets that it has none for ride under keys of ours
(docs/reference/dagster.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

__all__ = ["In", "Recorded"]

Facets = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class In:
    """A dataset that a step read.

    Attributes:
        namespace: Of the dataset.
        name: Of the dataset.
        facets: What is known of the dataset, its version above all.
        input_facets: What is true of this reading alone.
    """

    namespace: str
    name: str
    facets: Facets = field(default_factory=dict)
    input_facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a step read and wrote.

    Attributes:
        inputs: Everything that it read, at exact versions.
        facets: Of what it wrote.
        output_facets: Of this writing alone.
        dataset: Namespace and name of what it wrote, where it is not called after the asset.
    """

    inputs: Sequence[In]
    facets: Facets
    output_facets: Facets
    dataset: tuple[str, str] | None = None

    def metadata(self) -> dict[str, dg.JsonMetadataValue]:
        """Under the keys that the translator reads."""
        made: dict[str, Any] = {
            "tracehold/inputs": [
                {
                    "namespace": one.namespace,
                    "name": one.name,
                    "facets": _plain(one.facets),
                    "inputFacets": _plain(one.input_facets),
                }
                for one in self.inputs
            ],
            "tracehold/dataset_facets": _plain(self.facets),
            "tracehold/output_facets": _plain(self.output_facets),
        }
        if self.dataset is not None:
            namespace, name = self.dataset
            made["tracehold/dataset"] = {"namespace": namespace, "name": name}
        return {key: dg.MetadataValue.json(value) for key, value in made.items()}


def _plain(facets: Facets) -> dict[str, Any]:
    """Facets as JSON; those of the official client are classes of its own."""
    from openlineage.client.serde import Serde

    return {key: Serde.to_dict(facet) for key, facet in facets.items()}
