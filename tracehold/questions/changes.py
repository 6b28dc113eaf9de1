"""Who changed what: everything that was said or done about a thing, the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lineage.clock import format_millis
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.refs import ColumnRef, RunRef
from lineage.state.port import AspectValue
from lineage.state.run_listing import RunListing
from tracehold.questions.entities import MOST, ref_of_key
from tracehold.questions.question import Body, Question, check_limit, moment
from tracehold.services import Services

__all__ = ["CHANGES"]

ASPECTS: Final = (
    "schema", "documentation", "ownership", "license", "provenance", "terms", "legal_basis",
    "write_mode", "tags", "symlinks", "source", "storage", "type", "catalog", "lifecycle",
    "retention", "deidentification", "pii_review", "verdict", "waiver", "waiver_ended", "hold",
    "case", "certificate", "purged", "affected", "erasure", "incident", "model", "training", "sql",
    "code",
)  # fmt: skip
"""What is told of; figures that differ from run to run are not changes of the thing."""


class AskChanges(Body, frozen=True, kw_only=True):
    """Of what, from when to when, and the page: ``after`` is ``next`` of the page before."""

    ref: str
    since: str = ""
    until: str = ""
    limit: int = 100
    after: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    time: int
    position: int
    aspect: str
    slot: str
    source: str
    actor: str
    fact: str
    what: str
    before: Json
    after: Json
    run: str = ""

    @property
    def place(self) -> tuple[int, int, str, str, str]:
        return (self.time, self.position, self.aspect, self.source, self.slot)


def _changes(services: Services, params: AskChanges) -> Json:
    check_limit(params.limit, MOST)
    ref, key = services.resolve(params.ref)
    if isinstance(ref, RunRef):
        raise InvalidInput(
            "a run does not change", where=str(ref), advice="ask about its job or a dataset"
        )
    rows: Iterable[_Row]
    if isinstance(ref, ColumnRef):
        rows = _column_rows(services, ref.dataset.key(services.identity), ref.field)
    else:
        rows = [*_rows(services, key), *_writes(services, key)]
    since = moment(services, params.since) if params.since else None
    until = moment(services, params.until) if params.until else None
    last = _place(params.after)
    rows = sorted(
        (
            row
            for row in rows
            if (since is None or row.time >= since)
            and (until is None or row.time < until)
            and (last is None or row.place < last)
        ),
        key=lambda row: row.place,
        reverse=True,
    )
    shown = rows[: params.limit]
    return {
        "ref": str(ref),
        "items": [_told(services, row) for row in shown],
        "next": " ".join(map(str, shown[-1].place)) if len(rows) > len(shown) else None,
        "known_at": services.state.position(),
    }


def _place(text: str) -> tuple[int, int, str, str, str] | None:
    if not text:
        return None
    parts = text.split(" ", 4)
    try:
        time, position, aspect, source, slot = parts
        return int(time), int(position), aspect, source, slot
    except ValueError:
        raise InvalidInput(
            "this is no place in the list", where="after", advice="give `next`"
        ) from None


def _rows(services: Services, key: str) -> Iterator[_Row]:
    for aspect in ASPECTS:
        held: dict[tuple[str, str], Json] = {}
        for value in services.state.history(key, aspect):
            place = (value.slot, value.source)
            before = held.get(place)
            if value.value == before:
                continue
            held[place] = value.value
            what = "withdrawn" if value.value is None else "set" if before is None else "changed"
            yield _row(aspect, value, what, before, value.value)


def _row(aspect: str, value: AspectValue, what: str, before: Json, after: Json) -> _Row:
    if aspect == "schema":
        before, after = _columns(before, after)
    return _Row(
        value.time, value.position, aspect, value.slot, value.source, value.actor, value.fact_id,
        what, before, after,
    )  # fmt: skip


def _columns(before: Json, after: Json) -> tuple[Json, Json]:
    """Only the columns that differ, with their types; None where there is no schema."""
    old, new = _types(before), _types(after)
    same = {name for name in old.keys() & new.keys() if old[name] == new[name]}
    for name in same:
        del old[name], new[name]
    return (
        None if before is None else dict(sorted(old.items())),
        None if after is None else dict(sorted(new.items())),
    )


def _types(schema: Json) -> dict[str, str | None]:
    fields = schema.get("fields", ()) if isinstance(schema, dict) else ()
    return {one["name"]: one.get("type") for one in fields if isinstance(one, dict)}


def _column_rows(services: Services, dataset: str, field: str) -> Iterator[_Row]:
    """When a column came, went, or had another type."""
    held: dict[str, Json] = {}
    for value in services.state.history(dataset, "schema"):
        types = _types(value.value)
        before, after = held.get(value.source), types.get(field)
        known, there = value.source in held, field in types
        if known == there and before == after:
            continue
        if there:
            held[value.source] = after
        else:
            del held[value.source]
        what = "withdrawn" if not there else "changed" if known else "set"
        yield _row("type", value, what, before, after)


def _writes(services: Services, key: str) -> Iterator[_Row]:
    """The newest runs that completed and wrote it."""
    cited = RunListing(services.state).first_facts
    rows = [row for row in services.state.versions(key, limit=MOST) if row.run_key]
    facts = cited([row.run_key for row in rows if row.run_key])
    for row in rows:
        fact = facts.get(row.run_key or "")
        if fact is not None:
            position, fact_id, actor = fact
            yield _Row(
                row.last, position, "content", "", "facet", actor, fact_id, "wrote", None,
                row.version, row.run_key or "",
            )  # fmt: skip


def _told(services: Services, row: _Row) -> dict[str, Json]:
    person = services.person(row.actor)
    facts = services.journal.read(row.position - 1, 1)
    return {
        "at": format_millis(row.time) if row.time > 0 else None,
        "recorded": format_millis(facts[0].recorded_time) if facts else None,
        "who": row.actor if person is None else person.name,
        "what": row.what,
        "aspect": row.aspect,
        "slot": row.slot,
        "source": row.source,
        "before": row.before,
        "after": row.after,
        "run": ref_of_key(services, row.run) if row.run else None,
        "fact": row.fact,
    }


CHANGES: Final[Sequence[Question]] = (
    Question("changes", "Who changed what about a thing, newest first.", AskChanges, _changes),
)
