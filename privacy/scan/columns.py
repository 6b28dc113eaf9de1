"""The column decision: from spans in values to a tier per entity.

An entity that covers at least half of a cell in enough cells *types* the column. Less is free text
with personal data inside, where an entity whose form is checked (domain, check digits) is confirmed
by one sound hit and any other needs more. Shapes that speak against a hit lower the tier; a
column's name raises to ``candidate`` and never further.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from privacy.scan.findings import ColumnFinding, Method, Tier, wilson
from privacy.scan.gates import STRONG, possible
from privacy.scan.hints import hint
from privacy.scan.needles import find_needles
from privacy.scan.port import Detector, Span
from privacy.scan.sampling import Distinct, draw, encode
from privacy.scan.settings import ScanSettings
from privacy.scan.shapes import Shape, measure

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["scan_column"]


@dataclass(slots=True)
class _Tally:
    """What was seen of one entity, in rows."""

    covering: int = 0
    inside: int = 0
    score: float = 0.0

    def add(self, spans: list[Span], length: int, rows: int, coverage: float) -> None:
        self.inside += rows
        self.covering += rows * (sum(s.length for s in spans) >= coverage * max(length, 1))
        self.score = max(self.score, *(s.score for s in spans))


@dataclass(frozen=True, slots=True)
class _Subject:
    """The column that is judged, and by which measure."""

    name: str
    distinct: Distinct
    shape: Shape
    settings: ScanSettings
    detector: Callable[[], Detector]


@dataclass(slots=True)
class _Seen:
    """Tallies by entity over a number of rows."""

    rows: int = 0
    tallies: dict[str, _Tally] = field(default_factory=dict)


def scan_column(
    name: str,
    column: pa.ChunkedArray[Any],
    *,
    settings: ScanSettings,
    secret: bytes,
    detector: Callable[[], Detector],
) -> list[ColumnFinding]:
    """What is in one column; exactly one finding of tier ``none`` where nothing was seen.

    Args:
        name: The column's name.
        column: Its cells. A column that is not text is not looked into, and the reason says so.
        settings: Limits and thresholds.
        secret: Keys the sample.
        detector: Called only when a value could hold something.
    """
    import pyarrow as pa

    value_type = column.type
    if pa.types.is_dictionary(value_type):
        value_type = value_type.value_type
    text = pa.types.is_string(value_type) or pa.types.is_large_string(value_type)
    if not (text or pa.types.is_string_view(value_type)):
        return [_unread(name, len(column), "typed", f"not text but {value_type}: not looked into")]
    distinct = encode(column)
    if not distinct.counts:
        return [_unread(name, distinct.rows, "empty", "every cell is null")]
    return _scan_text(name, distinct, settings, secret, detector)


def _unread(name: str, rows: int, method: Method, reason: str) -> ColumnFinding:
    suggested = hint(name)
    if suggested and method == "typed":
        reason = f"the name suggests it; {reason}"
        return ColumnFinding(
            name, suggested, "candidate", 0.0, (0.0, 1.0), 0, rows, "hint", 0.0, reason
        )
    return ColumnFinding(name, "", "none", 0.0, (0.0, 1.0), 0, rows, method, 0.0, reason)


def _scan_text(
    name: str,
    distinct: Distinct,
    settings: ScanSettings,
    secret: bytes,
    detector: Callable[[], Detector],
) -> list[ColumnFinding]:
    whole = len(distinct.counts) <= settings.exhaustive
    chosen = (
        dict(enumerate(distinct.counts))
        if whole
        else draw(distinct, rows=settings.sample, secret=secret, column=name)
    )
    values = _values(distinct, chosen)
    shape = measure({value: rows for value, rows in values.items() if value.strip()})
    if shape.is_time or shape.is_number:
        kind = "dates or times" if shape.is_time else "decimal numbers"
        return [_unread(name, distinct.rows, "typed", f"text, but all {kind}")]
    seen = _detect(values, settings, detector)
    subject = _Subject(name, distinct, shape, settings, detector)
    findings = [
        _judge(subject, entity, tally, seen.rows, whole=whole)
        for entity, tally in seen.tallies.items()
    ]
    if not whole:
        findings = _with_rare(subject, findings)
    reported = [f for f in findings if f.tier != "none"]
    suggested = hint(name)
    known = {f.entity for f in reported}
    typed = any(f.tier == "confirmed" and f.prevalence >= settings.typed for f in reported)
    if suggested and suggested not in known and not typed:
        reason = "the name suggests it; no value of that form was seen"
        interval = wilson(0, seen.rows)
        reported.append(
            ColumnFinding(
                name, suggested, "candidate", 0.0, interval, seen.rows, distinct.rows,
                "hint", 0.0, reason,
            )
        )  # fmt: skip
    if reported:
        return sorted(reported, key=lambda f: (f.tier != "confirmed", -f.prevalence, f.entity))
    interval = (0.0, 0.0) if whole else wilson(0, seen.rows)
    method: Method = "full" if whole else "sample"
    reason = "" if whole else "rare e-mails, IBANs and numbers were searched in every cell"
    return [
        ColumnFinding(
            name, "", "none", 0.0, interval, seen.rows, distinct.rows, method, 0.0, reason
        )
    ]


def _values(distinct: Distinct, chosen: Mapping[int, int]) -> dict[str, int]:
    import pyarrow as pa

    taken = distinct.values.take(pa.array(list(chosen), pa.int64())).to_pylist()
    return dict(zip(taken, chosen.values(), strict=True))


def _detect(
    values: Mapping[str, int], settings: ScanSettings, detector: Callable[[], Detector]
) -> _Seen:
    seen = _Seen(rows=sum(values.values()))
    worth = [value for value in values if possible(value[: settings.longest])]
    if not worth:
        return seen
    for value, spans in zip(worth, detector().detect(worth), strict=True):
        length = min(len(value.strip()), settings.longest)
        for entity in {span.entity for span in spans}:
            own = [span for span in spans if span.entity == entity]
            tally = seen.tallies.setdefault(entity, _Tally())
            tally.add(own, length, values[value], settings.coverage)
    return seen


def _judge(
    subject: _Subject, entity: str, tally: _Tally, rows: int, *, whole: bool
) -> ColumnFinding:
    share = round(tally.inside / rows, 6)
    tier, reason = _tier(subject, entity, tally, rows)
    interval = (share, share) if whole else wilson(tally.inside, rows)
    method: Method = "full" if whole else "sample"
    return ColumnFinding(
        subject.name, entity, tier, share, interval, rows, subject.distinct.rows,
        method, round(tally.score, 4), reason,
    )  # fmt: skip


def _tier(subject: _Subject, entity: str, tally: _Tally, rows: int) -> tuple[Tier, str]:
    name, shape, settings = subject.name, subject.shape, subject.settings
    hinted = hint(name) == entity
    if shape.digits >= 0.9 and entity not in {"EMAIL_ADDRESS", "IBAN_CODE"} and not hinted:
        if shape.epoch >= 0.9:
            return "none", "digits that are moments in time"
        if entity == "CREDIT_CARD" and tally.covering / rows >= 0.6:
            return "confirmed", "card numbers by their check digits"
        if entity == "CREDIT_CARD" and tally.covering / rows < 0.2:
            return "none", "check digits that fit by chance: one number in ten does"
        return "candidate", "digits only: could be identifiers"
    if tally.covering / rows >= settings.typed:
        if entity == "URL":
            return "candidate", "addresses of pages: personal only where they name a person"
        return "confirmed", "most cells are of this form"
    if entity in STRONG:
        return "confirmed", "inside the text, form checked"
    if entity == "URL":
        return "none", "addresses of pages inside the text"
    if shape.is_prose and tally.inside >= 2 and tally.inside / rows >= settings.text:
        return "confirmed", "inside the text of many cells"
    return "candidate", "inside the text of some cells"


def _with_rare(subject: _Subject, findings: list[ColumnFinding]) -> list[ColumnFinding]:
    """Add what the whole-column pass finds to entities that the sample saw rarely or never."""
    distinct, settings = subject.distinct, subject.settings
    hits: set[int] = set()
    capped = False
    for found in find_needles(distinct.values):
        if len(found) <= settings.needles:
            hits.update(found)
        else:  # not rare, so the sample has met it: a look at some more is enough
            capped = True
            hits.update(found[:: -(-len(found) // settings.dense)])
    values = _values(distinct, {i: distinct.counts[i] for i in sorted(hits)})
    rare = _detect(values, settings, subject.detector)
    common = {f.entity for f in findings if f.prevalence * f.rows_seen >= 10}
    kept = [f for f in findings if f.entity in common or f.entity not in rare.tallies]
    rows = sum(distinct.counts)
    for entity, tally in rare.tallies.items():
        if entity in common:
            continue
        tier, reason = _tier(subject, entity, tally, rows)
        reason += "; more cells to look at than the limit, the share is a lower bound" * capped
        share = round(tally.inside / rows, 6)
        kept.append(
            ColumnFinding(
                subject.name, entity, tier, share, wilson(tally.inside, rows), rows, distinct.rows,
                "needle", round(tally.score, 4), reason,
            )
        )  # fmt: skip
    return kept
