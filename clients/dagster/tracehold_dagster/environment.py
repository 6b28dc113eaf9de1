"""What an auditor asks of a run: who launched it, of which code, how configured, and where.

All of it stands in the run's own record, so that whoever reads the run says the same of it. What
Dagster does not record by itself, code and lock file, is put into the tags of runs: ``run_tags``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tracehold_dagster.facets import Facet, facet
from tracehold_dagster.names import Naming
from tracehold_dagster.records import Run

__all__ = [
    "COMMIT",
    "IMAGE",
    "LOCK",
    "SAID",
    "job_facets",
    "namespace_of",
    "run_facets",
    "run_tags",
]

COMMIT: Final = ("tracehold/commit", "dagster/git-sha", "git_commit", "commit")
IMAGE: Final = ("tracehold/image", "dagster/image")
LOCK: Final = ("tracehold/lock",)
_AUTOMATION: Final = ("dagster/from_automation_condition", "dagster/auto_materialize")
_RETRY: Final = "dagster/retry_number"
_PARTITION: Final = "dagster/partition"
_RANGE: Final = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_ENVIRON: Final[Mapping[str, tuple[str, ...]]] = {
    COMMIT[0]: ("TRACEHOLD_COMMIT", "DAGSTER_CLOUD_GIT_SHA", "GIT_COMMIT", "GITHUB_SHA",
                "CI_COMMIT_SHA"),
    IMAGE[0]: ("TRACEHOLD_IMAGE", "DAGSTER_CURRENT_IMAGE"),
}  # fmt: skip

SAID: Final[Mapping[str, str]] = {
    "launched_by": "`schedule NAME`, `sensor NAME`, `automation NAME`, `backfill ID`, `retry`,"
    " `user NAME` or `hand`, from the tags that Dagster gives a run",
    "commit": "the first of the tags " + ", ".join(f"`{tag}`" for tag in COMMIT),
    "image": "the first of the tags " + ", ".join(f"`{tag}`" for tag in IMAGE),
    "lock_digest": f"the tag `{LOCK[0]}`",
    "config_digest": "SHA-256 of the run's configuration in canonical JSON",
    "partition": f"the tag `{_PARTITION}`; of several the first and the last, joined by `...`",
    "parent_run": "the Dagster run that it runs again",
    "root_run": "the first run of such a chain",
    "environment": "the setting `environment`",
}
"""Key of a tag of the run as a whole → where its value is from."""


def run_facets(run: Run, naming: Naming) -> dict[str, Facet]:
    """The facet ``tags`` of a Dagster run as a whole: what is recorded of where it came from.

    Args:
        run: The run; nothing is said of what was recorded outside runs.
        naming: Names the environment.
    """
    if not run.run_id:
        return {}
    said = {
        "launched_by": _launched_by(run),
        "commit": _first(run.tags, COMMIT),
        "image": _first(run.tags, IMAGE),
        "lock_digest": _first(run.tags, LOCK),
        "config_digest": run.config_digest and f"sha256:{run.config_digest}",
        "partition": _partition(run.tags),
        "parent_run": run.parent_run_id,
        "root_run": run.root_run_id,
        "environment": naming.environment,
    }
    tags = [
        {"key": key, "value": value, "source": "DAGSTER"} for key, value in said.items() if value
    ]
    return {"tags": facet("runTags", tags=tags)}


def job_facets(naming: Naming) -> dict[str, Facet]:
    """The facet ``tags`` of every job: the environment, where one is set."""
    if not naming.environment:
        return {}
    tag = {"key": "environment", "value": naming.environment, "source": "DAGSTER"}
    return {"tags": facet("jobTags", tags=[tag])}


def namespace_of(location: str, environment: str | None) -> str:
    """The namespace of a code location where nobody sets one: dev and prod must not share theirs.

    Args:
        location: Name of the code location.
        environment: Its environment; None where nobody says.
    """
    return f"{location}-{environment}" if environment else location


def run_tags(environ: Mapping[str, str], *, lock: Path | None = None) -> dict[str, str]:
    """Tags for jobs and automation, so that their runs record which code they run.

    Args:
        environ: The environment of the code location: ``TRACEHOLD_COMMIT`` or what Dagster+ and
            usual CI systems set, ``TRACEHOLD_IMAGE`` or ``DAGSTER_CURRENT_IMAGE``.
        lock: The lock file or pinned requirements; its digest is recorded.

    Returns:
        What is known; a tag that nobody can fill is left out.

    Raises:
        OSError: The lock file cannot be read.
    """
    made = {tag: found for tag, names in _ENVIRON.items() if (found := _first(environ, names))}
    if lock is not None:
        made[LOCK[0]] = f"sha256:{hashlib.sha256(lock.read_bytes()).hexdigest()}"
    return made


def _first(values: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((values[name] for name in names if values.get(name)), None)


def _launched_by(run: Run) -> str:
    return next(_launchers(run), "hand")


def _launchers(run: Run) -> Iterator[str]:
    """Whatever launched it, what says most first: a sensor can ask for a backfill."""
    tags = run.tags
    sensor = tags.get("dagster/sensor_name", "")
    if _first(tags, _AUTOMATION):
        yield f"automation {sensor}".rstrip()
    if sensor:
        yield f"sensor {sensor}"
    if schedule := tags.get("dagster/schedule_name"):
        yield f"schedule {schedule}"
    if backfill := tags.get("dagster/backfill"):
        yield f"backfill {backfill}"
    if tags.get(_RETRY):
        yield "retry"
    if user := tags.get("user"):
        yield f"user {user}"


def _partition(tags: Mapping[str, str]) -> str | None:
    first, last = (tags.get(tag) for tag in _RANGE)
    if first and last:
        return first if first == last else f"{first}...{last}"
    return tags.get(_PARTITION)
