"""Drawing up a plan: reach over content lineage, every copy, a decision for everything derived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lineage.errors import Conflict, InvalidInput, NotFound
from lineage.graph.port import Node
from lineage.refs import DatasetRef, ModelRef, parse_ref
from privacy.deletion.files import FileEraser
from privacy.deletion.locate import Located, inspect_into, locate, ref_of, same_content
from privacy.deletion.plan import (
    DECISIONS,
    PLAN_LIFETIME_MS,
    UNDECIDED,
    UNSEEN,
    Derived,
    Obstacle,
    OutOfReach,
    Plan,
)
from privacy.desk import Desk
from privacy.events import DeletionRequested
from privacy.reach import MAX_NODES, alias_class, reach_down

__all__ = ["Choice", "Erasure", "draft_plan"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the requester decides for one derived thing; ``keep`` needs a reason."""

    decision: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Policy of erasure, from the manifests.

    Attributes:
        on_erasure: Reference → decision when something it was made from is erased. For a model
            ``model:NAME`` serves all its versions.
        policy_digest: Digest of the policy in force.
    """

    on_erasure: Mapping[str, str] = field(default_factory=dict)
    policy_digest: str = ""


def draft_plan(
    desk: Desk,
    request: DeletionRequested,
    eraser: FileEraser,
    policy: Erasure,
    choices: Mapping[str, Choice],
) -> Plan:
    """The plan as of now; nothing is recorded and nothing is touched.

    Raises:
        NotFound: A target is not known.
        InvalidInput: A choice is not possible, lacks its reason, or names nothing derived.
        Conflict: Lineage could not be walked to its end.
    """
    now = desk.clock()
    keys = [_target_key(desk, text) for text in request.targets]
    reach = reach_down(desk.reader, desk.state, keys, as_of=now)
    if reach.truncated:
        raise Conflict(
            "lineage is too large to be walked to its end",
            where=", ".join(reach.truncated),
            advice="narrow the targets; an incomplete plan is never carried out",
        )
    nodes = desk.reader.nodes(sorted(reach.origin | reach.derived))
    names = _names(desk, nodes, keys, reach.origin)
    derived = _derived(
        nodes, reach.parents, reach.derived, names=names, policy=policy, choices=choices
    )
    erased = set(reach.origin)
    for key in reach.derived:
        group = names.get(key, "")
        if any(one.ref == group and one.decision == "erase" for one in derived):
            erased.add(key)
    located = locate(desk.state, {k: nodes[k] for k in erased if k in nodes}, eraser, names)
    _spare_others(desk, located, eraser, erased)
    _add_copies(desk, located, eraser, erased)
    without = {names[k] for k in erased if k in names}
    without -= {item.ref for item in located.items.values()}
    without -= {ref for ref, _ in (*located.out_of_reach, *located.obstacles)}
    lost = [OutOfReach(ref, "", "no location is recorded, or the file is gone") for ref in without]
    aliases = {ref_of(nodes[k]) for k in erased if k in nodes} - set(request.targets)
    return Plan(
        case=request.case,
        targets=tuple(sorted(request.targets)),
        aliases=tuple(sorted(aliases - {one.ref for one in derived})),
        legal_ground=request.legal_ground,
        retention_class=_retention_class(desk, keys),
        items=tuple(item for _, item in sorted(located.items.items())),
        derived=tuple(derived),
        out_of_reach=tuple(
            sorted([*located.out_of_reach.values(), *lost], key=lambda o: (o.ref, o.location))
        ),
        obstacles=tuple(one for _, one in sorted(located.obstacles.items())),
        unseen=UNSEEN,
        quarantine_days=request.quarantine_days,
        created=now,
        expires=now + PLAN_LIFETIME_MS,
        known_at=desk.state.position(),
        policy_digest=policy.policy_digest,
        fold_version=desk.state.fold_version(),
    )


def _target_key(desk: Desk, text: str) -> str:
    parsed = parse_ref(text)
    if not isinstance(parsed, (DatasetRef, ModelRef)):
        raise InvalidInput("only datasets and models can be deleted", where=text)
    key = parsed.key(desk.identity)
    if desk.state.node(key) is None:
        raise NotFound("nothing of that name is known", where=text, advice="see tracehold trace")
    return key


def _names(
    desk: Desk, nodes: Mapping[str, Node], targets: Iterable[str], origin: frozenset[str]
) -> dict[str, str]:
    """Per key the reference of its alias class: a target, else its governed name, not a path."""
    names: dict[str, str] = {}
    wanted = set(targets)
    for key in sorted(nodes):
        if key in names:
            continue
        group = alias_class(desk.reader, [key]) & nodes.keys()
        if group & origin:
            group &= origin

        def rank(member: str) -> tuple[bool, bool, str]:
            node = nodes[member]
            path = node.props.get("namespace") == "file"
            return (member not in wanted, path and node.label == "Dataset", ref_of(node))

        best = min(group, key=rank)
        names.update(dict.fromkeys(group, ref_of(nodes[best])))
    return names


def _derived(
    nodes: Mapping[str, Node],
    parents: Mapping[str, str],
    keys: frozenset[str],
    *,
    names: Mapping[str, str],
    policy: Erasure,
    choices: Mapping[str, Choice],
) -> list[Derived]:
    found: dict[str, Derived] = {}
    unknown = set(choices)
    for key in sorted(keys & nodes.keys()):
        ref = names[key]
        unknown.discard(ref)
        via = names.get(parents.get(key, ""), "")
        if ref in found and (found[ref].via or not via):
            continue  # another name of the same thing, which adds nothing
        kind = "model" if ref.startswith("model:") else "dataset"
        found[ref] = _decide(ref, via, kind, policy, choices.get(ref))
    if unknown:
        raise InvalidInput(
            "a decision was given for something this deletion does not reach",
            where=", ".join(sorted(unknown)),
            advice="take the names as the plan shows them",
        )
    return [found[ref] for ref in sorted(found)]


def _decide(ref: str, via: str, kind: str, policy: Erasure, choice: Choice | None) -> Derived:
    decided_by = "requester" if choice else "policy"
    every = ref.rpartition("@")[0] if kind == "model" else ref
    default = policy.on_erasure.get(ref) or policy.on_erasure.get(every, "")
    decision = choice.decision if choice else default
    if not decision:
        return Derived(ref, via, UNDECIDED)
    if decision not in DECISIONS[kind]:
        raise InvalidInput(
            f"{decision!r} cannot be decided for a {kind}",
            where=ref,
            advice=f"use one of {', '.join(DECISIONS[kind])}",
        )
    reason = choice.reason if choice else "on_erasure of its manifest"
    if decision == "keep" and not reason.strip():
        raise InvalidInput("keeping needs a reason", where=ref, advice="say why it may stay")
    return Derived(ref, via, decision, decided_by, reason)


def _spare_others(desk: Desk, located: Located, eraser: FileEraser, erased: set[str]) -> None:
    """A location can name a folder, or a file, in which another dataset lies: that one stays.

    A file that feeds what is erased is its source and goes with it; a hold on it reaches both.
    """
    now = desk.clock()
    sources = {
        edge.src
        for key in erased
        for edge in desk.reader.neighbors(key, edge_types=("FEEDS",), limit=MAX_NODES)
        if edge.dst == key and edge.holds_at("content", now)
    }
    for path, item in sorted(located.items.items()):
        other = _other_owner(desk, eraser, path, erased | sources)
        if other:
            del located.items[path]
            why = f"it belongs to {other} too: decide to erase that too, or move it"
            located.obstacles[item.ref, path] = Obstacle(item.ref, path, why)


def _add_copies(desk: Desk, located: Located, eraser: FileEraser, erased: set[str]) -> None:
    """The same bytes elsewhere: one more copy, unless it is a dataset that is not to be erased."""
    for path, item in same_content(eraser, list(located.items.values())):
        other = _other_owner(desk, eraser, path, erased)
        if other:
            why = f"the same bytes are kept as {other}: decide to erase it too, or change it"
            located.obstacles[item.ref, path] = Obstacle(item.ref, path, why)
            continue
        inspect_into(located, eraser, (item.ref, item.version), path, "content")


def _other_owner(desk: Desk, eraser: FileEraser, path: str, erased: set[str]) -> str:
    """A known dataset that lies at a path, or at a folder above it, and is not to be erased.

    Events name files as their producers see them: below the root as given, or as resolved.
    """
    *folders, _ = (Path(path), *Path(path).parents)
    for place in folders:
        for root in sorted({eraser.root, eraser.given}):
            owner = DatasetRef("file", (root / place).as_posix()).key(desk.identity)
            node = desk.state.node(owner)
            if node is not None and not alias_class(desk.reader, [owner]) & erased:
                return ref_of(node)
    return ""


def _retention_class(desk: Desk, keys: list[str]) -> str:
    aspects = desk.state.aspects(keys, ("retention",))
    classes = {
        str(v.value.get("class", "")) for held in aspects.values() for v in held["retention"]
    }
    return ", ".join(sorted(classes - {""}))
