"""The due list: the retention decision for everything that is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from catalog.manifests.retention import RetentionClass
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.graph.content import contents
from lineage.graph.port import GraphReader, Limits, Node
from lineage.identity import Label
from lineage.state.port import AspectValue, StateReader
from privacy.deletion.locate import ref_of
from privacy.holds import active_holds, holds_on
from privacy.retention.decide import Decision, Rule, decide
from privacy.retention.schedule import Period, parse_day

__all__ = ["DueRow", "due_list"]

_PAGE = 500
_PARENTS = Limits(depth=8, nodes=2000, seconds=5.0)


@dataclass(frozen=True, slots=True)
class DueRow:
    """The decision for one dataset or model, and what it rests on.

    Attributes:
        ref: Reference.
        key: Its key.
        classes: Names of the classes that apply.
        decision: What is to be done.
        holds: Ids of the holds in force.
        facts: Ids of the facts cited.
        as_of: Epoch milliseconds, the moment of the decision.
        known_at: Journal position.
        policy_digest: Digest of the policy in force.
        fold_version: Version of the fold.
    """

    ref: str
    key: str
    classes: tuple[str, ...]
    decision: Decision
    holds: tuple[str, ...]
    facts: tuple[str, ...]
    as_of: int
    known_at: int
    policy_digest: str
    fold_version: str

    def as_dict(self) -> dict[str, Json]:
        """The row as JSON, the decision inlined."""
        return {
            "ref": self.ref,
            "classes": list(self.classes),
            **self.decision.as_dict(),
            "holds": list(self.holds),
            "facts": list(self.facts),
            "as_of": self.as_of,
            "known_at": self.known_at,
            "policy_digest": self.policy_digest,
            "fold_version": self.fold_version,
        }


_ORDER = {"due": 0, "held": 1, "conflict": 2, "review": 3, "keep": 4}


def due_list(
    reader: GraphReader,
    state: StateReader,
    classes: Mapping[str, RetentionClass],
    *,
    now: int,
    policy_digest: str = "",
    keys: Sequence[str] | None = None,
    parents: Collection[str] | None = None,
) -> list[DueRow]:
    """Every dataset and model with its decision: what is due first, what is kept last.

    Purged ones are left out until they are written again; so are bare paths, which are names of
    governed datasets. What has no class of its own falls under the classes of what it was made
    from, as a default.

    Args:
        reader: The graph.
        state: The state.
        classes: The policy's classes by name.
        now: Epoch milliseconds; may lie ahead to see what will be due.
        policy_digest: Kept with each row.
        keys: Only what is decided for these; None for everything.
        parents: What ``keys`` may have been made from, where the caller knows it.

    Raises:
        InvalidInput: A class or a date in the state cannot be read.
    """
    if keys is None:
        nodes = {node.key: node for node in _nodes(state)}
    else:
        above = _with_parents(reader, state, keys, now) if parents is None else parents
        nodes = state.nodes(sorted({*keys, *above}))
    known = state.aspects(sorted(nodes), ("retention", "purged", "provenance"), now)
    kept = sorted(key for key in nodes if not _is_gone(state, key, known.get(key, {}), now))
    held = holds_on(reader, state, kept, as_of=now) if active_holds(state) else {}
    own = {key: _rules(reader, state, classes, key, known.get(key, {}), now=now) for key in kept}
    heirs = _heirs(reader, own, now)
    known_at, fold_version = state.position(), state.fold_version()
    rows = []
    for key in kept if keys is None else [key for key in kept if key in set(keys)]:
        rules, facts = own[key]
        if not rules and key in heirs:
            rules, facts = _inherited(reader, state, key, own, now)
        holds = held.get(key, [])
        names = tuple(sorted(hold.hold for hold in holds))
        row = DueRow(
            ref=ref_of(nodes[key]),
            key=key,
            classes=tuple(sorted({rule.name for rule in rules})),
            decision=decide(rules, names, now),
            holds=names,
            facts=tuple(sorted({*facts, *(fact for hold in holds for fact in hold.facts)})),
            as_of=now,
            known_at=known_at,
            policy_digest=policy_digest,
            fold_version=fold_version,
        )
        rows.append(row)
    return sorted(rows, key=lambda r: (_ORDER[r.decision.outcome], str(r.decision.due), r.ref))


def _is_gone(
    state: StateReader, key: str, aspects: Mapping[str, Sequence[AspectValue]], now: int
) -> bool:
    """Whether it was purged, and nothing was written to it since."""
    purged = max((value.time for value in aspects.get("purged", ())), default=None)
    if purged is None:
        return False
    return not any(purged < one.last <= now for one in state.versions(key, limit=1_000))


def _nodes(state: StateReader) -> Iterator[Node]:
    labels: tuple[Label, ...] = ("Dataset", "Model")
    for label in labels:
        after = ""
        while page := state.list_nodes(label, after=after, limit=_PAGE):
            for node in page:
                if label == "Model" or node.props.get("namespace") != "file":
                    yield node
            after = page[-1].key


def _rules(
    reader: GraphReader,
    state: StateReader,
    classes: Mapping[str, RetentionClass],
    key: str,
    aspects: Mapping[str, Sequence[AspectValue]],
    *,
    now: int,
) -> tuple[list[Rule], list[str]]:
    rules, facts = [], []
    for value in aspects.get("retention", ()):
        name = str(value.value.get("class", ""))
        facts.append(value.fact_id)
        terms = classes.get(name)
        if terms is None:
            # A class that the policy does not know is no permission to delete anything.
            rules.append(Rule(name, None))
            continue
        said = str(value.value.get("clock_start") or "")
        clock = terms.clock_start
        start = parse_day(said) if said else _start(reader, state, key, clock, aspects, now=now)
        rules.append(
            Rule(
                name=name,
                start=start,
                keep=Period.parse(terms.min_keep) if terms.min_keep else None,
                delete=Period.parse(terms.period),
                explicit=True,
                action=terms.action,
                basis=terms.legal_basis,
            )
        )
    return rules, facts


def _start(
    reader: GraphReader,
    state: StateReader,
    key: str,
    clock: str,
    aspects: Mapping[str, Sequence[AspectValue]],
    *,
    now: int,
) -> date | None:
    """The day on which the clock of a class starts, or None where its event is not recorded."""
    provenance = [value.value for value in aspects.get("provenance", ())]
    if clock == "collection_end":
        return _first_day(said.get("collected_to") for said in provenance)
    ingested = _first_day(said.get("fetched_at") for said in provenance)
    if ingested is None:
        seen = [v.first for v in state.versions(key, limit=1_000) if v.first <= now]
        ingested = _day(min(seen)) if seen else None
    if clock == "ingested":
        return ingested
    jobs = {e.owner for e in reader.neighbors(key, edge_types=("FEEDS",)) if e.src == key}
    reads = [
        run.ended or run.started
        for job in sorted(jobs)
        for run in state.runs(job_key=job)
        if key in run.inputs
    ]
    days = [_day(moment) for moment in reads if moment and moment <= now]
    return max([*days, *([ingested] if ingested else [])], default=None)


def _first_day(said: Iterable[Json]) -> date | None:
    return next((_day(moment) for moment in said if moment), None)


def _day(said: Json) -> date:
    if isinstance(said, int) and not isinstance(said, bool):
        return datetime.fromtimestamp(said / 1000, UTC).date()
    if isinstance(said, str):
        return parse_day(said)
    raise InvalidInput("a date in the state cannot be read", where="provenance")


def _heirs(
    reader: GraphReader, own: Mapping[str, tuple[list[Rule], list[str]]], now: int
) -> Collection[str]:
    """What may have been made from something with a class; the others need not be looked at."""
    classed = [key for key, (rules, facts) in own.items() if rules or facts]
    if not classed:
        return ()
    closure = reader.closure(
        classed, "down", edge_type="FEEDS", view="content", as_of=now, limits=_PARENTS
    )
    # What is too far down is too far to look up from as well.
    return own if set(closure.truncated) - {"depth"} else closure.depths


def _inherited(
    reader: GraphReader,
    state: StateReader,
    key: str,
    own: Mapping[str, tuple[list[Rule], list[str]]],
    now: int,
) -> tuple[list[Rule], list[str]]:
    rules, facts = [], []
    for parent in sorted(_with_parents(reader, state, [key], now)):
        if parent != key and parent in own:
            rules += [replace(rule, explicit=False) for rule in own[parent][0]]
            facts += own[parent][1]
    return rules, facts


def _with_parents(
    reader: GraphReader, state: StateReader, keys: Sequence[str], now: int
) -> Collection[str]:
    """The keys, and everything whose content may be in them."""
    passages = state.passages()
    return contents(reader, list(keys), "up", as_of=now, limits=_PARENTS, passages=passages).depths
