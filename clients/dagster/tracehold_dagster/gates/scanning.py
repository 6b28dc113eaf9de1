"""Data scanned for personal data where it lies: the scanner runs here, and only counts leave.

The scanner is Tracehold's own command, ``tracehold pii scan``, installed as an application of its
own (pipx, uv tool): it shares no environment with the project, and no cell goes over a network.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tracehold_dagster.errors import Misconfigured
from tracehold_dagster.sending import Sender

__all__ = ["Load", "as_file", "record_scan", "scan_file"]

Load = Callable[[], Any]
"""Gives a path of a CSV or Parquet file, a pandas data frame or a pyarrow table."""
_FINDING: Final = (
    "tier", "prevalence", "interval", "rows_seen", "rows_total", "method", "score", "reason",
)  # fmt: skip


@contextmanager
def as_file(load: Load) -> Iterator[Path]:
    """What was loaded as a file; of a table a copy that only this user reads, gone afterwards.

    Raises:
        Misconfigured: It is nothing that can be scanned.
    """
    given = load()
    if isinstance(given, str | Path):
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="tracehold-scan-") as folder:
        path = Path(folder) / "table.parquet"
        if hasattr(given, "to_parquet"):
            given.to_parquet(path)
        elif hasattr(given, "column_names"):
            import pyarrow.parquet as pq

            pq.write_table(given, path)
        else:
            raise Misconfigured(
                f"a {type(given).__name__} cannot be scanned",
                where="load",
                advice="return a path, a pandas data frame or a pyarrow table",
            )
        yield path


def scan_file(path: Path, command: Sequence[str]) -> dict[str, Any]:
    """Findings of a file: types, places and counts, never a value.

    Raises:
        Misconfigured: The scanner is not there, or cannot read the file.
    """
    program = shutil.which(command[0])
    if program is None:
        raise Misconfigured(
            "the scanner is not installed here",
            where=command[0],
            advice="install tracehold as an application (pipx install tracehold), or name its"
            " command in scanner",
        )
    done = subprocess.run(  # noqa: S603 - the command is the project's own
        [program, *command[1:], "pii", "scan", str(path), "--json"],
        capture_output=True,
        check=False,
    )
    try:
        said = json.loads(done.stdout or done.stderr.strip().splitlines()[-1])
    except (ValueError, IndexError):
        said = {}
    if done.returncode or "columns" not in said:
        # Nothing of what it printed is passed on but its own words on what is wrong.
        raise Misconfigured(
            str(said.get("what") or f"the scanner ended with {done.returncode}"),
            where=path.suffix,
            advice=str(said.get("advice") or "run tracehold pii scan on the file to see why"),
        )
    return dict(said)


def record_scan(
    sender: Sender, found: Mapping[str, Any], *, namespace: str, name: str, version: str
) -> None:
    """Put findings on record for a version of a dataset.

    Raises:
        Unreachable: The server cannot be reached.
        NotAllowed: The token may not.
        Misconfigured: The server does not take them.
    """
    columns: dict[str, Any] = {}
    for one in found["columns"]:
        finding = {"entity": one["type"], **{key: one[key] for key in _FINDING if key in one}}
        first = columns.setdefault(one["column"], finding)
        if first is not finding:
            first.setdefault("also", []).append(finding)
    body = {
        "dataset": f"dataset:[{_escaped(namespace, '[]')}]{_escaped(name, '@#')}",
        "engine": found["engine"],
        "config_digest": found["config_digest"],
        "rows": found["rows"],
        "columns": columns,
        "version": version,
    }
    status, answer = sender.call("POST", "acts/pii.record", body)
    if status != 200:
        said = answer if isinstance(answer, dict) else {}
        raise Misconfigured(
            str(said.get("what") or f"the server answered HTTP {status} to a scan"),
            where=str(said.get("where") or sender.url),
            advice=str(said.get("advice") or ""),
        )


def _escaped(text: str, separators: str) -> str:
    """A part of a reference, with what would end it written as percent codes."""
    return "".join(quote(one) if one in f"%{separators}" else one for one in text)
