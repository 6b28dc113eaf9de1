"""Tracehold as a consumer of OpenLineage/compatibility-tests: its folder of that suite.

``PYTHONPATH=.:tests/support python tests/support/compat_kit.py FOLDER`` writes all of it, to be run
there; ``docs/reference/facets/mapping.json`` is written by ``reference_pages.py``.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from compat_expected import EXPECTED, SCENARIOS, Expected, sent
from facet_page import READERS

from lineage.openlineage.fates import FATES, Fate, becomes
from lineage.openlineage.standard import FORMS
from lineage.refs import ColumnRef, DatasetRef, JobRef, RunRef

__all__ = ["VALIDATOR", "mapping", "write"]

VALIDATOR: Final = Path(__file__).resolve().parents[1] / "compatibility" / "validator.py"

_CORE: Final = {
    "eventTime": "run.started, run.ended; valid time of the fact",
    "eventType": "run.state",
    "producer": "event of the fact",
    "schemaURL": "event of the fact",
    "run.runId": "run.run_id, part of run.ref",
    "job.namespace": "job.namespace, part of job.ref",
    "job.name": "job.name, part of job.ref",
    "input.namespace": "dataset.namespace, part of dataset.ref",
    "input.name": "dataset.name, part of dataset.ref",
    "output.namespace": "dataset.namespace, part of dataset.ref",
    "output.name": "dataset.name, part of dataset.ref",
}
_UNDER: Final = ("_producer", "_schemaURL", "_deleted")


def mapping() -> str:
    """``mapping.json`` in the form of that suite, from the table of fates."""
    mapped: dict[str, dict[str, str]] = {"core": dict(_CORE)}
    unmapped: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for fate in FATES:
        place = becomes(fate, READERS)
        if place == "kept":
            unmapped[fate.schema] = ["*"]
            reasons[fate.schema] = fate.why
        else:
            mapped[fate.schema] = dict.fromkeys(_members(fate), place.replace("`", ""))
    for schema in mapped.keys() & unmapped.keys():
        # Read at one of two places.
        del unmapped[schema], reasons[schema]
    found = {"mapped": mapped, "knownUnmapped": unmapped, "reasons": reasons}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _members(fate: Fate) -> list[str]:
    form = FORMS.get(fate.schema)
    if form is None:
        return ["*"]
    names = [field.encode_name for field in msgspec.structs.fields(form[1])]
    return [name for name in names if name not in _UNDER]


def write(folder: Path) -> None:
    """Write the consumer's folder of the suite."""
    (folder / "validator").mkdir(parents=True)
    shutil.copy(VALIDATOR, folder / "validator" / "validator.py")
    (folder / "mapping.json").write_text(mapping(), "utf-8")
    (folder / "README.md").write_text("# Tracehold\n\nSee `validator/validator.py`.\n", "utf-8")
    (folder / "maintainers.json").write_text("[]\n", "utf-8")
    for scenario, expected in EXPECTED.items():
        _write_scenario(folder / "scenarios" / scenario, scenario, expected)


def _write_scenario(folder: Path, scenario: str, expected: Expected) -> None:
    (folder / "validation").mkdir(parents=True)
    tests = []
    for entity, items in _entities(scenario, expected):
        path = f"validation/{entity}s.json"
        (folder / path).write_text(json.dumps(items, indent=2) + "\n", "utf-8")
        tags = {"facets": ["run_event"]}
        tests.append({"name": f"{entity}s", "path": path, "entity": entity, "tags": tags})
    (folder / "config.json").write_text(json.dumps({"tests": tests}, indent=2) + "\n", "utf-8")
    (folder / "maintainers.json").write_text("[]\n", "utf-8")
    (folder / "scenario.md").write_text("What the events tell, and nothing else.\n", "utf-8")


def _entities(scenario: str, expected: Expected) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    jobs = {name: str(JobRef(expected.namespace, name)) for name in expected.jobs}
    yield (
        "job",
        [
            {
                "name": ref,
                "around": [jobs[outer] for inner, outer in expected.inside if inner == name],
            }
            for name, ref in jobs.items()
        ],
    )
    named = {_dataset(one) for one in expected.datasets}
    named |= {_dataset(other) for _, other in expected.names}
    pairs = {(_dataset(one), _dataset(other)) for one, other in expected.names}
    yield (
        "dataset",
        [
            {
                "name": ref,
                "names": sorted(
                    {b for a, b in pairs if a == ref} | {a for a, b in pairs if b == ref}
                ),
            }
            for ref in named
        ],
    )
    yield (
        "edge",
        [
            {"name": f"{_dataset(src)} → {_dataset(dst)}", "kind": kind}
            for src, dst, kind in expected.feeds
        ],
    )
    yield (
        "column_edge",
        [
            {"name": f"{_column(src)} → {_column(dst)}", "direct": direct}
            for (src, dst), direct in expected.columns.items()
        ],
    )
    runs = _runs(scenario)
    yield "run", list(runs.values())
    yield (
        "version",
        [
            {"name": f"{ref}@{name.rpartition('/')[2]}", "run": name}
            for name, run in runs.items()
            for ref in run["outputs"]
        ],
    )


def _runs(scenario: str) -> dict[str, dict[str, Any]]:
    """Runs as the events name them, read as naively as can be: all of them completed."""
    found: dict[str, dict[str, Any]] = {}
    for event in map(json.loads, sent(scenario)):
        job = event["job"]
        name = str(RunRef(job["namespace"], job["name"], event["run"]["runId"]))
        run = found.setdefault(
            name, {"name": name, "state": "COMPLETE", "inputs": [], "outputs": []}
        )
        for side in ("inputs", "outputs"):
            refs = {str(DatasetRef(one["namespace"], one["name"])) for one in event.get(side, ())}
            run[side] = sorted(refs.union(run[side]))
    return found


def _dataset(text: str) -> str:
    namespace, _, name = text.partition(" ")
    return str(DatasetRef(namespace, name))


def _column(text: str) -> str:
    namespace, name, field = text.split(" ", 2)
    return str(ColumnRef(namespace, name, field))


if __name__ == "__main__":
    if not SCENARIOS.is_dir():
        sys.exit("../shared/corpus is not here")
    write(Path(sys.argv[1]))
