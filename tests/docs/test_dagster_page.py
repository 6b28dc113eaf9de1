"""The page on Dagster names every facet that is sent and every record that is read."""

from __future__ import annotations

from dagster_page import BECOMES, EMITTED

from tracehold_dagster.facets import SCHEMAS
from tracehold_dagster.records import KINDS


def test_every_facet_that_is_sent_is_explained() -> None:
    assert set(EMITTED) == set(SCHEMAS)


def test_every_record_that_is_read_is_explained() -> None:
    assert set(BECOMES) == KINDS
