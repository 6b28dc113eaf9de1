"""What makes an event unusable. Everything else is accepted and flagged."""

from __future__ import annotations

from lineage.errors import InvalidInput

__all__ = ["NoIdentity", "NotAnEvent", "TooDeep", "TooLarge"]


class NotAnEvent(InvalidInput):
    """The bytes are not a JSON object (RFC 8259)."""

    code = "not-an-event"


class NoIdentity(InvalidInput):
    """Neither a job nor a dataset is named, so there is nothing to file the event under."""

    code = "no-identity"


class TooDeep(InvalidInput):
    """The JSON nests deeper than any producer needs."""

    code = "too-deep"


class TooLarge(InvalidInput):
    """The event is larger than the configured limit."""

    code = "too-large"
    http_status = 413
