"""Our own forms agree with the published schemas, on events changed at random places."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import SCRUBBER, run_event
from openlineage_schema import event_breaks, facet_breaks, facets_of, is_standard
from rounds import rounds
from services import corpus

from lineage.openlineage.codes import CODES
from lineage.openlineage.errors import NoIdentity
from lineage.openlineage.read import receive

pytestmark = pytest.mark.corpus

EXAMPLES = rounds(usual=300, campaign=100_000)
VALUES = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 1.5, 2.0, 2**70, "", "x", "DATASET", "JOB", "START", "DROP",
        "partition", "compare", "field", "https://example.org/a", "no uri", "a:b", "file",
        "2026-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00",
        "8a03e360-afe4-5d75-bd10-4c60e658eb43", "8A03E360AFE45D75BD104C60E658EB43",
        [], {}, [{}], [1], {"a": 1}, {"name": "n", "namespace": "m"}, {"runId": "x"},
    ]
)  # fmt: skip
MEMBERS = st.sampled_from(
    [
        "eventType", "dataset", "run", "facets", "inputFacets", "outputFacets", "_deleted", "root",
        "name", "namespace", "type", "field", "fields", "runId", "description", "value", "extra",
        "masking", "transformations", "inputs", "rowCount", "quantiles", "windowDuration",
    ]
)  # fmt: skip


@cache
def samples() -> list[Any]:
    """Small events of the corpus, and an event around every fragment."""
    folder = corpus()
    assert folder is not None
    paths = sorted((folder / "compat").glob("**/events/*.json"))
    paths += sorted((folder / "marquez").glob("**/open_lineage/**/*.json"))
    found = [json.loads(path.read_bytes()) for path in paths if path.stat().st_size < 8_000]
    for path in sorted((folder / "spec" / "spec" / "tests").glob("**/*.json")):
        found.append(around(path))
    return found


def around(path: Path) -> Any:
    fragment = json.loads(path.read_bytes())
    if "eventTime" in fragment:
        return fragment
    event = run_event("COMPLETE", 1, inputs=["a"], outputs=["b"])
    event["run"]["facets"] = event["outputs"][0]["facets"] = fragment
    event["inputs"][0]["inputFacets"] = fragment
    return event


def containers(value: Any) -> list[Any]:
    found = []
    if isinstance(value, dict | list) and value:
        found.append(value)
        for inner in value.values() if isinstance(value, dict) else value:
            found += containers(inner)
    return found


@st.composite
def changed(draw: st.DrawFn) -> Any:
    event = copy.deepcopy(samples()[draw(st.integers(0, len(samples()) - 1))])
    for _ in range(draw(st.integers(1, 3))):
        holders = containers(event)
        holder = holders[draw(st.integers(0, len(holders) - 1))]
        if isinstance(holder, list):
            holder[draw(st.integers(0, len(holder) - 1))] = copy.deepcopy(draw(VALUES))
            continue
        names = sorted(holder)
        name = draw(st.sampled_from(names) | MEMBERS)
        if name in holder and draw(st.booleans()):
            del holder[name]
        else:
            holder[name] = copy.deepcopy(draw(VALUES))
    return event


FACET = re.compile(r"facet-(?!null|not-an)")


def of_facet(place: str) -> str:
    parts = place.split("/")
    kind = next(n for n, part in enumerate(parts) if part.endswith(("facets", "Facets")))
    return "/".join(parts[: kind + 2])


def judged(event: Any, place: str) -> bool:
    """Whether the core schema knows facets at this place; elsewhere nothing is said of them."""
    start, _, rest = place[1:].partition("/")
    member = place.split("/")[3 if start in ("inputs", "outputs") else 2]
    own = {"inputs": "inputFacets", "outputs": "outputFacets"}.get(start)
    if "run" in event and start == "dataset":
        return False
    return bool(rest) and member in ("facets", own)


@settings(max_examples=EXAMPLES)
@given(changed())
def test_an_event_is_flagged_just_where_the_published_schemas_say_so(event: Any) -> None:
    raw = json.dumps(event).encode()
    try:
        made = receive(raw, actor="p", scrubber=SCRUBBER, max_bytes=1 << 25)
    except NoIdentity:
        return
    found = json.loads(made.body)["findings"]
    core = [one for one in found if CODES[one["code"]].breaks and one["code"] != "facet-off-schema"]
    if "job" in event and "dataset" in event and "run" not in event:
        # Only an event that is a valid job event and a valid dataset event is one too many.
        assert "event-ambiguous" in {one["code"] for one in core}
        return
    assert bool(core) == event_breaks(event), core
    # The schema of a facet asks for what all facets have, too.
    flagged = {of_facet(one["at"]) for one in found if FACET.match(one["code"])}
    # Whether _deleted is known depends on the place as well: the core schema has judged that.
    standard = {
        at
        for at, facet in facets_of(event)
        if judged(event, at) and is_standard(facet) and "_deleted" not in facet
    }
    broken = {at for at, facet in facets_of(event) if facet_breaks(facet)}
    assert flagged & standard == broken & standard
