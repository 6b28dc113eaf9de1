"""Errors of the catalog beyond the shared ones."""

from __future__ import annotations

from lineage.errors import InvalidInput

__all__ = ["BadExpression", "BadManifest"]


class BadManifest(InvalidInput):
    """The manifests of a workspace cannot be used as they are."""

    code = "bad-manifest"


class BadExpression(InvalidInput):
    """A text is not an SPDX license expression."""

    code = "bad-license-expression"
