"""What the import asks is understood by every supported Dagster."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from services import client_home

from tracehold.imports import dagster_graphql

MARKS = {"1.11": [pytest.mark.dagster_1_11], "1.12": [pytest.mark.dagster_1_12], "1.13": []}
_VALIDATE = """
import json, sys
from dagster_graphql.schema import create_schema
from graphql import parse, validate
schema = create_schema().graphql_schema
for query in json.load(sys.stdin):
    for error in validate(schema, parse(query)):
        print(error.message)
"""


def queries(version: str) -> list[str]:
    """Every query, as it is asked of a version."""
    named = [text for name, text in vars(dagster_graphql).items() if name.endswith("_QUERY")]
    fields = {False: [""], True: ["assetMaterializations", "assetObservations"]}
    if version == "1.13":
        fields[False] = ["", "partition"]
    return [
        query.replace("%s", field)
        for query in named
        for field in fields["assetOrError" in query]
    ]  # fmt: skip


@pytest.mark.parametrize("version", [pytest.param(one, marks=MARKS[one]) for one in MARKS])
def test_every_query_is_valid_there(version: str) -> None:
    home = None if version == "1.13" else client_home(f"dagster-{version}")
    python = sys.executable if home is None else str(home / "bin" / "python")
    done = subprocess.run(
        [python, "-W", "ignore", "-c", _VALIDATE], input=json.dumps(queries(version)),
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-3000:]
