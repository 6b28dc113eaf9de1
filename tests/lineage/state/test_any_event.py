"""No event that is taken stops the fold, whatever stands where a facet should be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import World, dataset, run_event
from rounds import rounds

from lineage.facts import Json
from lineage.state.claims import column_claims, explicit_claims, job_entries
from tracehold.registry import make_registry

REGISTRY = make_registry()
PLACES = (REGISTRY.input, REGISTRY.output, REGISTRY.subject, REGISTRY.job, REGISTRY.run)
WIRING = {"columnLineage", "lineage", "parent"}
NAMES = sorted(WIRING.union(*(readers.steady.keys() | readers.varying for readers in PLACES)))
WORDS = (
    "fields", "inputFields", "inputs", "entries", "dataset", "namespace", "name", "field", "type",
    "transformations", "transformationType", "subtype", "masking", "identifiers", "owners", "tags",
    "key", "value", "lifecycleStateChange", "previousIdentifier", "assertions", "assertion",
    "success", "column", "rowCount", "size", "datasetVersion", "description", "run", "runId", "job",
    "write_mode", "license", "expression", "columns", "model", "version", "role", "classes", "a",
    "purposes", "due", "class", "subset", "findings", "message", "_deleted",
)  # fmt: skip
SCALARS = st.sampled_from(
    [None, True, False, 0, -1, 2**70, 1.5, "", "a", "DROP", "INDIRECT", "JOB", "DATASET", "MASKED",
     "append", "overwrite", "2026-01-01T00:00:00Z", "CC-BY-4.0"]
)  # fmt: skip
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=16,
)
FACETS = st.dictionaries(st.sampled_from(NAMES), ANY, max_size=4)


@pytest.mark.parametrize("claims", [column_claims, explicit_claims, job_entries])
@given(facet=ANY)
def test_claims_are_read_from_anything(claims: Any, facet: Json) -> None:
    claims(facet)


@settings(max_examples=rounds(usual=60, campaign=4_000))
@given(FACETS, FACETS, FACETS, FACETS, st.sampled_from(["COMPLETE", "FAIL", None]))
def test_facets_of_any_form_are_folded_and_leave_a_state_that_answers(
    run: Json, job: Json, read: Json, written: Json, kind: str | None
) -> None:
    event = run_event("COMPLETE", 1) | {"eventType": kind}
    event["run"]["facets"], event["job"]["facets"] = run, job
    event["inputs"] = [dataset("a") | {"facets": read, "inputFacets": read}, dataset("c")]
    event["outputs"] = [dataset("b") | {"facets": written, "outputFacets": written}]
    world = World(registry=REGISTRY).send(event)
    state = world.state
    assert [cause for _, cause, kind, _ in state.stuck() if kind != "wiring"] == []
    assert state.graph.digest() == state.graph.stored_digest()
    keys = [node.key for node in state.graph.all_nodes()]
    state.aspects(keys, sorted(REGISTRY.projections))
    world.close()
