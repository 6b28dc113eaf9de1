"""What can be odd about an event that is kept all the same: one table of codes.

A code breaks the published schema (OpenLineage 2-0-2, JSON Schema with formats asserted), or it is
an oddity that the schema allows. The event is stored whole either way; its producer is told of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CODES", "Code"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes:
        breaks: Whether the published schema forbids it.
        meaning: What is so, for the producer's owner.
        advice: What to change in the producer.
    """

    breaks: bool
    meaning: str
    advice: str


_TIME: Final = "send eventTime as RFC 3339 with a zone: 2026-01-01T00:00:00Z"
_FACET: Final = "send facets as objects with _producer and _schemaURL, or leave them out"

CODES: Final[dict[str, Code]] = {
    "time-missing": Code(True, "there is no eventTime; the event orders first", _TIME),
    "time-unreadable": Code(True, "eventTime is no time; the event orders first", _TIME),
    "time-numeric": Code(True, "eventTime is a number; it was read as epoch time", _TIME),
    "time-without-zone": Code(True, "eventTime has no zone; it was read as UTC", _TIME),
    "time-form": Code(True, "eventTime is not in the form of RFC 3339", _TIME),
    "time-absurd": Code(False, "eventTime is before 1970 or after 2199; it orders first", _TIME),
    "producer-missing": Code(True, "there is no producer", "send a URI as producer"),
    "producer-no-uri": Code(True, "producer is no URI", "send a URI as producer"),
    "schema-url-missing": Code(True, "there is no schemaURL", "send the URL of the schema"),
    "schema-url-no-uri": Code(True, "schemaURL is no URI", "send the URL of the schema"),
    "schema-url-other": Code(False, "schemaURL is not one of OpenLineage's", "check the URL"),
    "event-type-missing": Code(False, "a run event has no eventType", "send eventType"),
    "event-type-unknown": Code(
        True, "eventType is none of OpenLineage's", "send START, RUNNING, COMPLETE, ABORT or FAIL"
    ),
    "event-ambiguous": Code(
        True, "the event names both a job and a dataset; it was read as a job event",
        "send inputs and outputs in a job event, a dataset in an event of its own",
    ),
    "run-not-an-object": Code(True, "run is no object", "send run.runId"),
    "run-id-missing": Code(True, "the run has no runId", "send a UUID as run.runId"),
    "run-id-not-a-uuid": Code(True, "runId is no UUID; it was kept", "send a UUID as run.runId"),
    "namespace-empty": Code(False, "the namespace is empty", "name the namespace"),
    "name-long": Code(False, "a name has more than 4096 characters", "shorten it"),
    "name-unprintable": Code(False, "a name holds control characters", "leave them out"),
    "datasets-not-a-list": Code(True, "inputs or outputs is no list", "send a list, if empty"),
    "dataset-not-an-object": Code(True, "a dataset is no object", "send namespace and name"),
    "dataset-without-name": Code(
        True, "a dataset lacks namespace or name; it was not linked", "send namespace and name"
    ),
    "dataset-name-empty": Code(
        False, "the name of a dataset is empty; it was not linked", "name the dataset"
    ),
    "facets-null": Code(True, "facets is null", "leave facets out, or send an object"),
    "facets-not-an-object": Code(True, "facets is no object", "send an object"),
    "facet-null": Code(True, "a facet is null", _FACET),
    "facet-not-an-object": Code(True, "a facet is no object", _FACET),
    "facet-without-producer": Code(True, "a facet has no _producer", _FACET),
    "facet-without-schema-url": Code(True, "a facet has no _schemaURL", _FACET),
    "facet-producer-no-uri": Code(True, "_producer of a facet is no URI", _FACET),
    "facet-schema-url-no-uri": Code(True, "_schemaURL of a facet is no URI", _FACET),
    "facet-deleted-not-boolean": Code(True, "_deleted of a facet is neither true nor false",
                                      "send true to remove a facet, or leave it out"),
    "facet-off-schema": Code(
        True, "a facet breaks the schema that it names", "compare it with its _schemaURL"
    ),
    "facet-not-yours": Code(
        False, "a facet declares something of an input that the token does not speak for; it was"
        " set aside", "let its owner declare it, or use a token of that namespace",
    ),
    "symlink-proposed": Code(
        False, "another name is given for which the token does not speak; it waits for a review",
        "let `tracehold alias accept` decide, or use a token of both namespaces",
    ),
    "findings-cut": Code(False, "there are more findings than are kept", "mend the first ones"),
}  # fmt: skip
"""Code of a finding → what it means."""
