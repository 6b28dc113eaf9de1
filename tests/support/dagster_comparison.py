"""The page that compares tracehold_dagster with dagster-openlineage on the same projects.

``PYTHONPATH=.:clients/dagster:tests/support python tests/support/dagster_comparison.py`` plays the
samples with both, folds what each reports, counts, and writes the page. Both run Dagster 1.13.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dagster_samples import Told, played, telling
from live_clients import DAGSTER_OPENLINEAGE
from services import CHECKOUT, client_home

__all__ = ["COMPARED", "PAGE", "compared", "page", "wrapped"]

COMPARED: Final = ("bundle", "chain", "checked", "failing", "sources", "wiped")
PAGE: Final = CHECKOUT / "docs" / "explanation" / "dagster-openlineage.md"
_FOLDER: Final = CHECKOUT / "tests" / "clients" / "dagster_samples"


@dataclass(frozen=True)
class Reported:
    """What one of the two reported of all samples.

    Attributes:
        told: A server that was told of it.
        events: By sample.
    """

    told: Told
    events: Mapping[str, Sequence[dict[str, Any]]]

    def all_events(self) -> list[dict[str, Any]]:
        """The events of all samples."""
        return [event for events in self.events.values() for event in events]

    def datasets(self) -> list[dict[str, Any]]:
        """Every input and output of every event."""
        return [
            one
            for event in self.all_events()
            for side in ("inputs", "outputs")
            for one in event.get(side, ())
        ]

    def facets(self, name: str) -> list[dict[str, Any]]:
        """Every facet of a name on a dataset, as an input or output too."""
        return [
            one[place][name]
            for one in self.datasets()
            for place in ("facets", "inputFacets", "outputFacets")
            if name in (one.get(place) or {})
        ]

    def described(self, facet: str) -> int:
        """How many datasets have a facet."""
        return len(
            {
                (one["namespace"], one["name"])
                for one in self.datasets()
                if facet in (one.get("facets") or {})
            }
        )


def _edges(kind: str) -> Callable[[Reported], int]:
    return lambda one: len(
        {(edge.src, edge.dst) for edge in one.told.graph().all_edges() if edge.type == kind}
    )


def _exact(one: Reported) -> int:
    """Inputs of runs whose version the run's own event names."""
    runs = one.told.ask("runs", limit=1000)["items"]
    return sum(
        item["how"] == "said"
        for run in runs
        for item in one.told.ask("inputs", ref=run["ref"])["items"]
    )


def _attempts(one: Reported) -> int:
    """Runs of the step that worked at the second try, in the run where it did."""
    seen = {
        event["run"]["runId"]
        for event in one.events["failing"]
        if event.get("job", {}).get("name") == "quotes"
        and event["eventType"] in {"COMPLETE", "FAIL"}
    }
    # It ran once more in the second story, and well at once.
    return len(seen) - 1


def _failed(one: Reported) -> str:
    states = {
        event["job"]["name"]
        for event in one.events["failing"]
        if event.get("eventType") == "FAIL" and not event["job"]["name"].startswith("dagster")
    }
    return ", ".join(sorted(states)) or "none"


def _partitions(one: Reported) -> int:
    """Partitions by condition, or by the time they are of."""
    times = [
        event["run"]["facets"]["nominalTime"]
        for event in one.all_events()
        if "nominalTime" in event.get("run", {}).get("facets", {})
    ]
    return len({json.dumps(facet, sort_keys=True) for facet in [*one.facets("subset"), *times]})


def _severities(one: Reported) -> str:
    said = {
        assertion["assertion"]: assertion.get("severity", "unsaid")
        for facet in one.facets("dataQualityAssertions")
        for assertion in facet["assertions"]
        if not assertion["success"]
    }
    return ", ".join(f"{name}: {severity}" for name, severity in sorted(said.items())) or "none"


def _deleted(one: Reported) -> str:
    gone = {
        item["name"]
        for item in one.told.ask("datasets", limit=1000)["items"]
        for point in one.told.ask("dataset", ref=item["ref"])["aspects"].get("lifecycle", ())
        if point["value"].get("change") == "DROP"
    }
    return ", ".join(sorted(gone)) or "none"


ROWS: Final[Sequence[tuple[str, Callable[[Reported], object]]]] = (
    ("events", lambda one: len(one.all_events())),
    ("assets that something is traced to (`FEEDS`)", _edges("FEEDS")),
    ("columns that something is traced to (`FEEDS_COLUMN`)", _edges("FEEDS_COLUMN")),
    ("inputs of runs with the exact version that was read", _exact),
    ("assets with an output version", lambda one: one.described("version")),
    ("assets with columns", lambda one: one.described("schema")),
    ("assets with owners", lambda one: one.described("ownership")),
    ("assets with tags and kinds", lambda one: one.described("tags")),
    ("assets with a description", lambda one: one.described("documentation")),
    ("tables and places joined by name", lambda one: one.described("symlinks")),
    ("partitions told apart, of days, months and country and channel", _partitions),
    ("runs of a step that worked at its second try", _attempts),
    ("steps said to have failed, where `quotes` failed once and `curve` once", _failed),
    ("failed checks, of one ERROR and one WARN", _severities),
    ("assets shown as deleted, where `letters` was wiped", _deleted),
)


def wrapped(folder: Path, samples: Sequence[str] = COMPARED) -> Path:
    """Play samples with dagster-openlineage; returns the folder with their events."""
    home = client_home("dagster")
    assert home is not None, "dagster-openlineage is not installed: make clients"
    for sample in samples:
        place = folder / f"{sample}-home"
        place.mkdir(parents=True)
        (place / "dagster.yaml").write_text(DAGSTER_OPENLINEAGE)
        done = subprocess.run(
            [str(home / "bin" / "python"), str(_FOLDER / "playing.py"), str(folder), sample],
            cwd=place,
            env={
                **os.environ,
                "DAGSTER_HOME": str(place),
                "OPENLINEAGE__TRANSPORT__TYPE": "file",
                "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(folder / f"{sample}.ndjson"),
                "OPENLINEAGE__TRANSPORT__APPEND": "true",
                "PYTHONPATH": str(CHECKOUT / "clients" / "dagster"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


def compared(folder: Path) -> list[tuple[str, str, str]]:
    """The rows of the table: what, of dagster-openlineage, of ours."""
    found = []
    for name, play in (("theirs", wrapped), ("ours", lambda to: played("1.13", to, COMPARED))):
        events = play(folder / name)
        with telling(events, folder / f"{name}-told", COMPARED) as told:
            read = {
                sample: [json.loads(line) for line in path.read_bytes().splitlines()]
                for sample in COMPARED
                for path in [events / f"{sample}.ndjson"]
            }
            reported = Reported(told, read)
            found.append([str(count(reported)) for _, count in ROWS])
    theirs, ours = found
    return [(what, *both) for (what, _), *both in zip(ROWS, theirs, ours, strict=True)]  # type: ignore[misc]


BESIDE: Final = (
    (
        "where it sits",
        "in the event log storage of the instance, inside every run; or a sensor",
        "a sensor: runs do no more work",
    ),
    (
        "while the server is down",
        "events are lost: an error is logged, or the sensor's cursor moves on",
        "the cursor stays; everything is sent when the server is back",
    ),
    ("run ids", "all steps of a run share one", "one per step and attempt, within the run's"),
    ("gates", "none", "[asset checks and guarded assets](../how-to/gates.md)"),
)


def page(rows: Sequence[tuple[str, str, str]]) -> str:
    """The page."""
    counted, beside = (
        "\n".join(f"| {' | '.join(row)} |" for row in table) for table in (rows, BESIDE)
    )
    return f"""\
# Beside dagster-openlineage

[dagster-openlineage](https://pypi.org/project/dagster-openlineage/) 0.2.1 is the community's
integration; its events are welcome here too. Both were run on the same projects under Dagster 1.13
(of `tests/clients/dagster_samples`: {", ".join(COMPARED)}), each was
told to a server of its own, and this is what the two servers know.
`tests/support/dagster_comparison.py` plays it all again and
writes this page.

| what is known afterwards | dagster-openlineage | tracehold_dagster |
|---|---|---|
{counted}

Beside what is counted:

| | dagster-openlineage | tracehold_dagster |
|---|---|---|
{beside}
"""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        PAGE.write_text(page(compared(Path(made))), encoding="utf-8")
