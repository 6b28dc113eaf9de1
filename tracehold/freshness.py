"""Is the watch kept: did our own jobs run in time, and has what answers rest on grown old?

Both are judged from the state and a clock. A job that missed its turn is late before its next turn
is over; evidence that is old is no fault, but somebody should know before an auditor does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.identity import Identity
from lineage.refs import JobRef, parse_ref
from lineage.state.port import RunRow, StateReader
from lineage.trace.names import reference_text
from tracehold.services import Services

__all__ = ["PERIODS", "Old", "Turn", "old_evidence", "turns"]

DAY_MS: Final = 86_400_000

PERIODS: Final[Mapping[str, int]] = {
    "retention.due": DAY_MS,
    "evidence.look": DAY_MS,
    "certificates.verify": 7 * DAY_MS,
}
"""The steps that run on a schedule whatever there is to do, and how often, in milliseconds."""

SCAN_AGE_MS: Final = 90 * DAY_MS
"""A look for personal data holds that long; then the data is looked at again."""

WAIVER_NOTICE_MS: Final = 14 * DAY_MS
"""How long before its end a waiver is spoken of."""

_RUNS: Final = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether one job kept to its schedule.

    Attributes:
        job: Its name in the workspace's namespace.
        period: Between two turns, milliseconds.
        last: When it last succeeded, epoch milliseconds; None for never.
        newest: State of its newest run; empty where there is none.
        late: Whether a turn was missed: half a period has passed since it should have come.
    """

    job: str
    period: int
    last: int | None
    newest: str
    late: bool

    def as_dict(self) -> dict[str, Json]:
        """The turn as JSON; moments as ISO 8601."""
        said: dict[str, Json] = asdict(self)
        said["period"] = f"P{self.period // DAY_MS}D"
        said["last"] = None if self.last is None else format_millis(self.last)
        return said


@dataclass(frozen=True, slots=True)
class Old:
    """Something that answers rest on, and that has grown old.

    Attributes:
        kind: ``scan``, ``retention-class``, ``waiver`` or ``decision``.
        ref: What it is about, as a reference; the name of a retention class.
        why: In words, without values.
        since: When it became so, or will, epoch milliseconds; None where nobody can say.
    """

    kind: str
    ref: str
    why: str
    since: int | None = None

    def as_dict(self) -> dict[str, Json]:
        """The finding as JSON; moments as ISO 8601."""
        said: dict[str, Json] = asdict(self)
        said["since"] = None if self.since is None else format_millis(self.since)
        return said


def turns(state: StateReader, identity: Identity, namespace: str, now: int) -> list[Turn]:
    """Our own jobs, each with whether it is late.

    Where none of them ever ran, Dagster is not in use and none is late. Where one did, another
    that never ran is late once it would have missed its turn since then.

    Args:
        state: The state.
        identity: Keys of the workspace.
        namespace: Name of the workspace.
        now: Epoch milliseconds.
    """
    runs = {
        job: state.runs(job_key=JobRef(namespace, job).key(identity), limit=_RUNS)
        for job in PERIODS
    }
    begun = min((_at(run) for rows in runs.values() for run in rows), default=None)
    return [_turn(job, period, runs[job], begun, now) for job, period in PERIODS.items()]


def _turn(job: str, period: int, rows: list[RunRow], begun: int | None, now: int) -> Turn:
    done = [_at(run) for run in rows if run.state == "COMPLETE" and _at(run) <= now]
    last = max(done, default=None)
    reckoned = begun if last is None else last
    late = reckoned is not None and now - reckoned > period + period // 2
    newest = max(rows, key=_at).state if rows else ""
    return Turn(job, period, last, newest, late)


def _at(run: RunRow) -> int:
    return run.ended or run.last or run.started or 0


def old_evidence(services: Services, now: int) -> list[Old]:
    """What has grown old, of what may be seen; by kind and reference.

    Args:
        services: The workspace.
        now: Epoch milliseconds.
    """
    found = [
        *_scans(services, now),
        *_classes(services, now),
        *_waivers(services, now),
        *_decisions(services),
    ]
    seen = [one for one in found if _is_seen(services, one)]
    return sorted(seen, key=lambda one: (one.kind, one.ref, one.why))


def _is_seen(services: Services, old: Old) -> bool:
    return old.kind == "retention-class" or services.seeing.sees_ref(old.ref)


def _scans(services: Services, now: int) -> Iterator[Old]:
    """Scans by another detector, of another version, or long ago; never of what was purged."""
    from privacy.scan.engine import engine
    from privacy.scan.settings import ScanSettings

    state = services.state
    current = ScanSettings().digest(engine())
    scanned, purged = state.with_aspect("scan"), state.with_aspect("purged")
    for key, ref in _refs(services, scanned):
        scan = scanned[key][0]
        newest = next(iter(state.versions(key, limit=1)), None)
        gone = max((value.time for value in purged.get(key, ())), default=-1)
        if newest is None or newest.last <= gone:
            continue
        version = str(scan.value.get("scanned_version") or "")
        if version and version != newest.version:
            yield Old("scan", ref, "the newest version was not scanned", newest.first)
        elif scan.value.get("config_digest") != current:
            yield Old("scan", ref, "the scan was made by another detector or other settings")
        elif now - scan.time > SCAN_AGE_MS:
            days = SCAN_AGE_MS // DAY_MS
            yield Old("scan", ref, f"the scan is older than {days} days", scan.time + SCAN_AGE_MS)


def _classes(services: Services, now: int) -> Iterator[Old]:
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    for name, terms in sorted(services.policy().retention_classes.items()):
        if terms.review_by < today:
            due = datetime.combine(terms.review_by, datetime.min.time(), UTC)
            why = f"its legal basis was to be read again by {terms.review_by}"
            yield Old("retention-class", name, why, int(due.timestamp() * 1000))


def _waivers(services: Services, now: int) -> Iterator[Old]:
    given, ended = (services.state.with_aspect(one) for one in ("waiver", "waiver_ended"))
    for key, ref in _refs(services, given):
        over = {value.slot for value in ended.get(key, ())}
        for value in given[key]:
            expires = int(value.value["expires"])
            if value.slot not in over and now < expires <= now + WAIVER_NOTICE_MS:
                yield Old("waiver", ref, f"waiver {value.slot} ends soon", expires)


def _decisions(services: Services) -> Iterator[Old]:
    from tracehold.decisions import decisions

    stale = services.state.with_aspect("stale")
    if not stale:
        return
    for one in decisions(services.state):
        key = parse_ref(one.ref).key(services.identity)
        for value in stale.get(key, ()):
            said = value.value
            about_it = value.slot == one.question and said["decision"] == one.fact
            if about_it and (said["then"] or said["now"]):
                why = f"late facts contradict the decision on {one.question}"
                yield Old("decision", one.ref, why, value.time)


def _refs(services: Services, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Keys of datasets and models with their references."""
    nodes = services.state.nodes(sorted(keys))
    for key, node in sorted(nodes.items()):
        # A bare path is a name of a governed dataset, or a source that is scanned as one.
        if node.label in ("Dataset", "Model") and node.props.get("namespace") != "file":
            yield key, reference_text(node, key)
