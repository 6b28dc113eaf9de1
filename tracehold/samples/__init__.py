"""What ``tracehold init`` puts into a new workspace: manifests of every kind, and a tiny source."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["FILES", "read"]

FILES = {
    "manifests/datasets.yaml": "datasets.yaml",
    "manifests/models.yaml": "models.yaml",
    "manifests/retention.yaml": "retention.yaml",
    "sources/parcels.csv": "parcels.csv",
}
"""Path in the workspace → file beside this module."""


def read() -> dict[str, str]:
    """The samples by their path in the workspace."""
    here = files(__name__)
    return {path: (here / name).read_text("utf-8") for path, name in FILES.items()}
