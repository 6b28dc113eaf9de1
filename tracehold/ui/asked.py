"""What a page is asked: about what, with which parameters, and who answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lineage.errors import NotFound
from lineage.graph.port import Node
from lineage.identity import Label
from tracehold.services import Services

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a page.

    Attributes:
        services: What answers, as far as who asks may see.
        path: The variable parts of the path.
        query: The parameters.
    """

    services: Services
    path: Mapping[str, Any]
    query: Mapping[str, str]

    def node(self, label: Label) -> Node:
        """The entity that the path names by key.

        Raises:
            NotFound: There is none of that key and label.
        """
        node = self.services.state.node(str(self.path["key"]))
        if node is None or node.label != label:
            raise NotFound(
                f"there is no such {label.lower()}", advice="it may have another key now"
            )
        return node
