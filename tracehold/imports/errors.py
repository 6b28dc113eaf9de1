"""What can be wrong with what is to be imported."""

from __future__ import annotations

from lineage.errors import InvalidInput, Unavailable

__all__ = ["NotReachable", "NotThisFormat", "SourceTooLarge"]


class NotThisFormat(InvalidInput):
    """The file is readable and is not what the import was told it is."""

    code = "not-this-format"


class SourceTooLarge(InvalidInput):
    """The file would have to be read into memory as a whole, and is too large for that."""

    code = "source-too-large"


class NotReachable(Unavailable):
    """The catalog to import from does not answer, or refuses."""

    code = "source-not-reachable"
