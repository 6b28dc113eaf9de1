"""``tracehold doctor``: is the installation ours alone, and is the workspace in order?"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lineage.errors import TraceholdError
from lineage.facts import Json
from tracehold.faults import summary
from tracehold.settings import Settings

__all__ = ["Check", "examine", "intruders"]

PACKAGES: Final = ("lineage", "catalog", "privacy", "tracehold", "orchestration")
"""Our import packages. Their names are common words, so another distribution can own one too."""

_DISTRIBUTION: Final = "tracehold"
_LOWEST_SPACE: Final = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    text: str
    advice: str = ""

    def as_dict(self) -> dict[str, Json]:
        """The check as JSON."""
        return {"name": self.name, "ok": self.ok, "text": self.text, "advice": self.advice}


def examine(settings: Settings | None) -> list[Check]:
    """Look at the installation and, where there is one, at a workspace."""
    checks = [_python(), _one_parent(), _owners(), _dagster()]
    if settings is not None:
        for look in (_keys, _space, _journal, _state, _watch, _manifests, _graph):
            checks += _guarded(look, settings)
    return checks


def _guarded(look: Callable[[Settings], Iterator[Check]], settings: Settings) -> list[Check]:
    try:
        return list(look(settings))
    except TraceholdError as error:
        return [Check(look.__name__.strip("_"), False, str(error), error.advice)]
    except Exception as error:  # noqa: BLE001 - the other checks go on
        return [Check(look.__name__.strip("_"), False, f"a fault of ours ({summary(error)})")]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        "python", (3, 11) <= sys.version_info[:2] < (3, 14), version, "use Python 3.11 to 3.13"
    )


def _one_parent() -> Check:
    parents = {name: _parent(name) for name in PACKAGES}
    alone = len(set(parents.values())) == 1 and None not in parents.values()
    if alone:
        return Check("packages", True, str(next(iter(parents.values()))))
    ours = _parent(_DISTRIBUTION)
    foreign = [f"{name} in {at}" for name, at in parents.items() if at != ours]
    return Check(
        "packages",
        False,
        f"not all of ours: {', '.join(foreign)}",
        "install Tracehold into an environment of its own",
    )


def _parent(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent.parent


def intruders() -> dict[str, list[str]]:
    """Our package names that other distributions own too: package → distributions."""
    owners = importlib.metadata.packages_distributions()
    found = {
        name: sorted({one for one in owners.get(name, ()) if one.lower() != _DISTRIBUTION})
        for name in PACKAGES
    }
    return {name: others for name, others in found.items() if others}


def _owners() -> Check:
    found = intruders()
    if not found:
        return Check("distributions", True, "no other distribution owns our package names")
    text = "; ".join(f"{name}: {', '.join(others)}" for name, others in found.items())
    first = next(iter(found.values()))[0]
    return Check(
        "distributions",
        False,
        f"others own our package names: {text}",
        f"install Tracehold into an environment of its own, without {first}",
    )


def _dagster() -> Check:
    try:
        version = importlib.metadata.version("dagster")
    except importlib.metadata.PackageNotFoundError:
        return Check("dagster", False, "not installed", "install Tracehold again")
    there = importlib.util.find_spec("dagster") is not None
    return Check("dagster", there, version, "" if there else "install Tracehold again")


def _keys(settings: Settings) -> Iterator[Check]:
    from lineage.journal.keys import load_keys

    load_keys(settings.storage.keys)
    loose = [
        path.name
        for path in [settings.storage.keys, *settings.storage.keys.rglob("*")]
        if os.name != "nt" and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
    yield Check(
        "keys",
        not loose,
        "others can read " + ", ".join(loose) if loose else "only you can read them",
        f"chmod -R go-rwx {settings.storage.keys}" if loose else "",
    )


def _space(settings: Settings) -> Iterator[Check]:
    free = shutil.disk_usage(settings.storage.data).free
    yield Check(
        "disk", free >= _LOWEST_SPACE, f"{free // (1024 * 1024):,} MiB free", "free some space"
    )


def _journal(settings: Settings) -> Iterator[Check]:
    from lineage.journal.verify import verify_journal

    report = verify_journal(settings.storage.data, settings.storage.keys)
    text = f"{report.size:,} facts hold"
    if not report.ok:
        first = report.problems[0]
        text = f"{first.where}: {first.what}"
    yield Check("journal", report.ok, text, "" if report.ok else "tracehold journal verify")


def _state(settings: Settings) -> Iterator[Check]:
    from lineage.openlineage.codes import CODES
    from tracehold.bootstrap import open_services

    with open_services(settings, write=False) as services:
        lag = services.journal.head().size - services.state.position()
        stuck = services.state.stuck(1)
        broken, sources = services.state.count_findings([c for c in CODES if CODES[c].breaks])
        standing = services.state.standing()
        fits = standing.version == services.registry.version
    yield Check(
        "state",
        fits and not stuck and not standing.diverged and not standing.erased_inside,
        f"{lag} facts behind"
        + ("" if fits else ", made by another release")
        + ("; holds what was erased" if standing.erased_inside else "")
        + (f"; the state before it was wrong: {standing.diverged}" if standing.diverged else "")
        + "".join(f"; stuck: {cause} ({kind}, fact {at})" for _, cause, kind, at in stuck),
        ("a newer release may know it; or: " if stuck else "") + "tracehold journal rebuild",
    )
    # No fault of this workspace, and nothing was lost: the producers have something to mend.
    text = "all keep to the schema of OpenLineage"
    if broken:
        text = f"{sources} jobs or datasets break the schema in {broken} ways: tracehold findings"
    yield Check("events", True, text)


def _watch(settings: Settings) -> Iterator[Check]:
    from tracehold.bootstrap import open_services
    from tracehold.freshness import old_evidence, turns

    with open_services(settings, write=False) as services:
        now = services.clock()
        jobs = turns(services.state, services.identity, settings.workspace.name, now)
        old = old_evidence(services, now)
    late = [one.job for one in jobs if one.late]
    text = "no job of ours ever ran; they come with Dagster"
    if any(one.newest for one in jobs):
        text = f"missed their turn: {', '.join(late)}" if late else "all ran in time"
    yield Check("jobs", not late, text, "look at its pages: tracehold up --dagster" if late else "")
    # Nothing is broken by age; somebody should look.
    text = f"{old[0].kind} {old[0].ref}: {old[0].why}" if old else "nothing has grown old"
    yield Check("evidence", True, text + (f", and {len(old) - 1} more" if len(old) > 1 else ""))


def _manifests(settings: Settings) -> Iterator[Check]:
    from catalog.manifests import load

    problems = load(settings.folder).problems
    text = f"{len(problems)} problems" if problems else "well-formed"
    yield Check("manifests", not problems, text, "tracehold check" if problems else "")


def _graph(settings: Settings) -> Iterator[Check]:
    graph = settings.graph
    if not graph.url:
        yield Check("graph", True, "embedded")
        return
    from lineage.identity import Identity
    from lineage.journal.keys import load_keys
    from tracehold.bootstrap import open_neo4j

    engine = open_neo4j(settings, Identity(load_keys(settings.storage.keys).secret))
    assert engine is not None  # noqa: S101 - it has an address
    try:
        position, _ = engine.meta()
    finally:
        engine.close()
    yield Check("graph", True, f"{graph.url} answers, filled up to fact {position}")
