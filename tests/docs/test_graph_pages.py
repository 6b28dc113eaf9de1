"""The pages on graph and trace name what the code has."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

from lineage.graph.cypher import DROP_EDGES
from lineage.graph.port import EdgeType
from lineage.graph.rows import RESERVED_ON_EDGES
from lineage.identity import LABELS
from lineage.trace.model import (
    Coverage,
    Hidden,
    Trace,
    TraceEdge,
    TraceNode,
    TraceReason,
    Unresolved,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_every_label_type_and_property_is_in_the_schema_page() -> None:
    page = (REFERENCE / "graph-schema.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Za-z_]+)`", page))
    assert named >= {*LABELS, *get_args(EdgeType), *RESERVED_ON_EDGES, "Placeholder", "Tracehold"}
    assert set(DROP_EDGES) == set(get_args(EdgeType))


def test_every_member_of_a_trace_and_every_reason_is_in_the_trace_page() -> None:
    page = (REFERENCE / "trace.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_-]+)`", page))
    for shape in (Trace, TraceReason, Coverage, Hidden, Unresolved):
        assert named >= {field.name for field in dataclasses.fields(shape)}, shape
    for struct in (TraceNode, TraceEdge):
        assert named >= set(struct.__struct_fields__), struct
    codes = set(re.findall(r"``([a-z-]+)``", TraceReason.__doc__ or ""))
    assert codes
    assert named >= codes


def test_the_examples_on_the_trace_page_are_what_the_command_prints() -> None:
    page = (REFERENCE / "trace.md").read_text(encoding="utf-8")
    golden = Path(__file__).parents[1] / "golden"
    named = re.findall(r"<!-- the example above is tests/golden/(\S+) -->", page)
    assert len(named) == 3
    for name in named:
        above = page[: page.index(f"tests/golden/{name}")]
        printed = (golden / name).read_text(encoding="utf-8")
        example = "".join(f"    {line}".rstrip() + "\n" for line in printed.splitlines())
        assert f"{example}\n" in above, name
