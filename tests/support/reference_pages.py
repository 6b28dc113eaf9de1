"""The pages on configuration, HTTP, errors and findings, written from what the product says of itself.

``PYTHONPATH=.:tests/support .venv/bin/python tests/support/reference_pages.py`` renews them; a test
compares.
"""

# ruff: noqa: E501 - lines of pages, not of code

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

import msgspec
from compat_kit import mapping
from dagster_page import dagster
from facet_page import facet_fates

from lineage.errors import TraceholdError
from lineage.openlineage.codes import CODES
from lineage.openlineage.read import BATCH_EVENTS
from tracehold.access import TABLE
from tracehold.acts import ACTS
from tracehold.gates import GATES
from tracehold.http.app import PUBLIC, PUBLIC_FOLDERS
from tracehold.questions import QUESTIONS
from tracehold.settings import SECTIONS, environment_name

__all__ = ["PAGES", "REFERENCE", "error_classes"]

REFERENCE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
_PACKAGES: Final = ("lineage", "catalog", "privacy", "tracehold")


def configuration() -> str:
    """The page on settings."""
    lines = [
        "# Configuration",
        "",
        "Settings stand in the workspace's `tracehold.toml`; the nearest one above the current folder counts. Each can be overridden by",
        "the environment variable beside it. An unknown section or key is an error that names the line and the nearest known key.",
        "",
        "Manifests lie below `manifests/` beside the file, always. Secrets never stand in the file: the graph's password comes from",
        "`graph.password_file` (mode 0600) or from `TRACEHOLD_GRAPH_PASSWORD`.",
    ]
    for name, kind in SECTIONS.items():
        lines += ["", f"## `[{name}]`", "", _says(kind), ""]
        lines += ["| key | default | environment | meaning |", "|---|---|---|---|"]
        for spec in fields(kind):
            if spec.metadata.get("secret"):
                continue
            lines.append(
                f"| `{name}.{spec.name}` | {_default(spec.default)} |"
                f" `{environment_name(name, spec.name)}` | {spec.metadata['doc']} |"
            )
    lines += [
        "",
        "## Other environment variables",
        "",
        "| variable | meaning |",
        "|---|---|",
        "| `TRACEHOLD_GRAPH_PASSWORD` | Password of the graph's user; beats `graph.password_file`. |",
        "| `TRACEHOLD_WORKSPACE` | The workspace, where `--workspace` is not given. |",
        "| `TRACEHOLD_TOKEN` | The token to act with, where `--as` is not given. |",
        "| `TRACEHOLD_URL` | Address of the server; set for the steps of a pipeline by `tracehold run`. |",
    ]
    return "\n".join(lines) + "\n"


def _says(kind: type[Any]) -> str:
    text = (kind.__doc__ or "").partition(": ")[2].strip().replace("``", "`")
    return text[:1].upper() + text[1:]


def _default(value: Any) -> str:
    if value is MISSING or value in ("", None, ()):
        return ""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown}`"


def http() -> str:
    """The page on the HTTP interface."""
    lines = [
        "# HTTP interface",
        "",
        "`tracehold up` serves it on loopback. `/openapi.json` describes it for programs, `/api` for people; both work offline.",
        "",
        "Every request needs a bearer token (`Authorization: Bearer TOKEN`) or the cookie of a session, but for these paths, letter by",
        "letter: " + ", ".join(f"`{path}`" for path in sorted(PUBLIC)) + ", and what lies below "
        + ", ".join(f"`{path}`" for path in PUBLIC_FOLDERS) + ".",
        "A request whose `Host` or `Origin` is not the server's own is refused. A change that is asked with a cookie must name its origin.",
        "Errors are JSON: `code`, `what`, `where`, `advice`; see [Errors](errors.md). An answer of status 503 carries `Retry-After`.",
        "",
        "## Events",
        "",
        "`POST /api/v1/lineage` takes one OpenLineage event, plain or gzip, with a length or chunked, up to `server.max_event_bytes`",
        "unpacked. Roles: " + _roles("lineage.receive") + ".",
        "",
        "| status | means |",
        "|---|---|",
        '| 201 | durable; `{"receipt": ID, "duplicate": false}`. A repeated event gets the first receipt, and `"duplicate": true` |',
        "| 400 | no JSON object, or it names neither a job nor a dataset; `where` is a JSON pointer (RFC 6901). Sending it again is of no use |",
        "| 401, 403 | no valid token; the token may not report for this namespace |",
        "| 408 | the body did not arrive in time |",
        "| 413 | larger than the limit, which the answer names |",
        "| 415 | packed otherwise than gzip |",
        "| 503 | the journal cannot take it now, or too much is on its way; clients repeat it after `Retry-After` |",
        "",
        f"`POST /api/v1/lineage/batch` takes an array of up to {BATCH_EVENTS:,} events under the same limit of bytes, in the form of OpenLineage's",
        "specification. Each event is recorded for itself, and one that is refused stops no other. The answer, once what was taken is durable, has",
        "status 200:",
        "",
        "| member | holds |",
        "|---|---|",
        "| `status` | `success`, or `partial_success` where an event was refused |",
        "| `summary` | counts: `received`, `successful`, `failed`, of these `retriable` and `non_retriable`; of the successful `duplicates` |",
        "| `failed_events` | per refused event `index` (from 0), `reason`, `retriable`, `code`, `where`, `advice` |",
        "| `receipts` | per event its receipt, or null |",
        "",
        "Where nothing could be taken and all of it may be later, the answer is 503, which clients repeat. An event sent again, alone or in another",
        "batch, is the same event while its bytes are the same.",
        "",
        "### What a token may report",
        "",
        "A token can be bound to namespaces (`tracehold user add NAME --role producer --namespace PATTERN`; `*` stands for anything). Of an event sent",
        "with it",
        "",
        "- the job, the dataset of a dataset event and every output must lie in these namespaces, else it is refused (403);",
        "- inputs may lie anywhere: reading is what lineage is about. What was seen of an input counts (schema, version, statistics, assertions). What",
        "  *declares* something of an input of others does not: `ownership`, `tags`, `documentation`, `lifecycleStateChange` and `tracehold_*` (but for",
        "  `tracehold_training`, which says how a run used it) are set aside, with the finding `facet-not-yours`; the bytes as received keep them.",
        "",
        "Namespaces of datasets are often not that of the job: a job in `airflow` that writes `postgres://warehouse:5432` needs both.",
        "",
        "## Acts",
        "",
        "`POST /api/v1/acts/NAME` with a JSON object. A field that an act does not know is refused.",
        "",
        "| act | does | fields | roles |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {act.summary} | {_fields(act.body)} | {_roles(name)} |"
            for name, act in ACTS.items()
        ),
        "",
        "Some acts ask more than a role: two different approvers who neither requested nor execute, two different people who release a",
        "hold, nobody who changes their own account.",
        "",
        "## Gates",
        "",
        "`POST /api/v1/gates/NAME`, asked by the steps of a pipeline. The answer holds `allowed`, `verdict`, `reasons`, `path` and",
        "`waiver`; `train` is on record at the training set, `use` at the first input. What `use` judges, and by which version:",
        "[Gates](../how-to/gates.md).",
        "",
        "| gate | asks | fields | roles |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {gate.summary} | {_fields(gate.body)} | {_roles(f'gates.{name}')} |"
            for name, gate in GATES.items()
        ),
        "",
        "Content that was deleted and comes back is answered 409, and an incident is raised.",
        "",
        "## Questions",
        "",
        "`GET /api/v1/NAME`. Roles: " + _roles("question") + ".",
        "",
        "| question | answers | parameters |",
        "|---|---|---|",
        *(
            f"| `{name}` | {question.summary} | {_fields(question.params)} |"
            for name, question in QUESTIONS.items()
        ),
        "",
        "## The server itself",
        "",
        "| route | answers |",
        "|---|---|",
        "| `GET /health` | whether it takes facts (else `read-only`, with cause and advice) and how far it is behind; 503 where not. No names |",
        "| `GET /metrics` | figures in the Prometheus text format |",
        "| `GET /openapi.json`, `GET /api` | this interface |",
        "| `GET /login`, `POST /login` | the form, and the exchange of a one-time code (`tracehold user login`) for a session |",
        "| `POST /logout` | ends the session |",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _fields(form: type[msgspec.Struct]) -> str:
    shown = [
        f"`{one.encode_name}`" if one.required else f"[`{one.encode_name}`]"
        for one in msgspec.structs.fields(form)
    ]
    return ", ".join(shown)


def _roles(act: str) -> str:
    return ", ".join(sorted(TABLE[act]))


def error_classes() -> Iterator[type[TraceholdError]]:
    """Every error class of the product."""
    for package in _PACKAGES:
        for found in pkgutil.walk_packages(
            importlib.import_module(package).__path__, f"{package}."
        ):
            if found.name.endswith(("__main__", ".conftest")):
                continue
            importlib.import_module(found.name)

    def kinds(root: type[TraceholdError]) -> Iterator[type[TraceholdError]]:
        yield root
        for kind in sorted(root.__subclasses__(), key=lambda one: one.__name__):
            if kind.__module__.partition(".")[0] in _PACKAGES:
                yield from kinds(kind)

    yield from kinds(TraceholdError)


def errors() -> str:
    """The page on errors."""
    rows: dict[tuple[int, str], tuple[int, str]] = {}
    for kind in error_classes():
        if kind is not TraceholdError:
            doc = (kind.__doc__ or "").strip().splitlines()[0]
            rows.setdefault((kind.exit_code, kind.code), (kind.http_status, doc))
    lines = [
        "# Errors",
        "",
        "Every error says what is wrong, where, and what to do: three lines on the command line, and the same as an object with `--json`",
        "(on standard error) and over HTTP: `code`, `what`, `where`, `advice`. No error quotes a value of your data.",
        "",
        "A fault of Tracehold's own is one line as well; where in our code it happened stands in a file that the line names",
        "(`server.log` in the data folder for a server), without the text of the exception. `--debug` prints it too.",
        "",
        "| exit code | code | HTTP | means |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {exit_code} | `{code}` | {status} | {doc} |"
        for (exit_code, code), (status, doc) in sorted(rows.items())
    ]
    return "\n".join(lines) + "\n"


def findings() -> str:
    """The page on what is odd about events."""
    lines = [
        "# Findings",
        "",
        "An OpenLineage event that names a job or a dataset is kept whole, whatever else is odd about it. What is odd stands beside it as",
        "a code and a JSON pointer, and is listed per job or dataset: `tracehold findings`, `GET /api/v1/findings`, with the last event that",
        "has it, who sent it, and the owners that the job declares. `tracehold journal show FACT` gives the event back as it is kept, with",
        "the places where something was masked. `tracehold findings --producer NAME` lists what events of one person or machine have shown,",
        "for whoever answers for that producer.",
        "",
        "Events are judged by the published schema of OpenLineage 2-0-2 with its formats (date-time, uri, uuid), and each facet by the",
        "standard schema that its own `_schemaURL` names. Facets with schemas of their own are not judged. Tests compare every verdict with",
        "the published files.",
        "",
        "| code | schema | means | do |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {'broken' if code.breaks else 'allows it'} | {code.meaning} | {code.advice} |"
        for name, code in CODES.items()
    ]
    return "\n".join(lines) + "\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "configuration.md": configuration,
    "dagster.md": dagster,
    "http.md": http,
    "errors.md": errors,
    "findings.md": findings,
    "facet-fates.md": facet_fates,
    "facets/mapping.json": mapping,
}
"""Page → what it must say."""


if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")
        sys.stdout.write(f"{name}\n")
