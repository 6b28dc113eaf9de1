"""Random requests, each decided a second time by a reference that is as plain as it can be."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from allowed_acts import ALLOWED
from campaign import record
from openlineage_events import IDENTITY
from rounds import rounds

from catalog.grants import Grant
from catalog.people import Person
from lineage.graph.port import Node
from lineage.refs import ColumnRef, DatasetRef, JobRef, ModelRef, RunRef
from tracehold.access import ROLES, TABLE, may
from tracehold.seeing import Seeing
from tracehold.settings import AccessSettings
from tracehold.sights import Sights

NAMESPACES = ["", "shop", "hr", "hr-pay", "crm", "postgres://h:5432", "s3://bucket", "[odd]", "HR"]
PATTERNS = ["*", "shop", "hr", "hr*", "*pay", "postgres://*", "s3://bucket", "c?m", "[[]odd]", ""]
CLASSES = ["personal", "special", "restricted"]
NOW = 1_000_000

# Who may do what, once more and by role, as the access table is meant; see test_access.
SEES_ALL = {"privacy-officer", "planner", "auditor", "approver", "executor"}


@dataclass(frozen=True)
class Request:
    """Somebody wants to do something, or to look at something."""

    person: Person
    rules: AccessSettings
    act: str
    ref: Any
    node: Node
    marks: Mapping[str, frozenset[str]]


def some(rng: random.Random, things: Sequence[Any], most: int = 3) -> list[Any]:
    return rng.sample(things, rng.randint(0, min(most, len(things))))


def grant(rng: random.Random, number: int) -> Grant:
    return Grant(
        grant=f"G-{number}",
        namespaces=tuple(some(rng, PATTERNS)) or (rng.choice(PATTERNS),),
        classes=tuple(some(rng, CLASSES)),
        reason="test",
        given_by="p-officer",
        given=rng.randint(0, NOW),
        expires=NOW + rng.choice([-5, -1, 0, 1, 5]),
        ended=rng.choice([None, None, NOW - 3]),
    )


def request(rng: random.Random) -> Request:
    person = Person(
        f"p-{rng.randint(0, 9)}",
        "somebody",
        frozenset(some(rng, ROLES, 2)),
        grants=tuple(grant(rng, number) for number in range(rng.choice([0, 1, 1, 2, 3]))),
    )
    rules = AccessSettings(
        open=tuple(rng.choice([["*"], ["shop"], some(rng, PATTERNS), []])),
        guarded=tuple(some(rng, CLASSES)),
    )
    namespace, name = rng.choice(NAMESPACES), rng.choice(["a", "b/c", "d.e"])
    kind = rng.choice(["Dataset", "Column", "Job", "Run", "Model"])
    home = DatasetRef(namespace, name)
    ref: Any = {
        "Dataset": home,
        "Column": ColumnRef(namespace, name, "x"),
        "Job": JobRef(namespace, name),
        "Run": RunRef(namespace, name, "r1"),
        "Model": ModelRef(name, "1"),
    }[kind]
    marked = ModelRef(name, "1") if kind == "Model" else home
    classes = frozenset(some(rng, CLASSES)) & frozenset(rules.guarded)
    marks = {marked.key(IDENTITY): classes} if classes else {}
    props = {
        "Dataset": {"namespace": namespace, "name": name},
        "Column": {"namespace": namespace, "name": name, "field": "x"},
        "Job": {"namespace": namespace, "name": name},
        "Run": {"namespace": namespace, "job": name, "name": "r1"},
        "Model": {"name": name, "version": "1"},
    }[kind]
    node = Node(ref.key(IDENTITY), kind, props)  # type: ignore[arg-type]
    return Request(person, rules, rng.choice([*TABLE, "nothing.known"]), ref, node, marks)


def fits(namespace: str, pattern: str) -> bool:
    """A glob by recursion, for the few signs that the patterns above use."""
    if not pattern:
        return not namespace
    if pattern.startswith("[[]"):
        return namespace[:1] == "[" and fits(namespace[1:], pattern[3:])
    if pattern[0] == "*":
        return any(fits(namespace[cut:], pattern[1:]) for cut in range(len(namespace) + 1))
    if not namespace:
        return False
    return pattern[0] in ("?", namespace[0]) and fits(namespace[1:], pattern[1:])


def reference_sees(asked: Request) -> bool:
    """The rule of docs/explanation/who-sees-what.md, sentence by sentence."""
    for role in asked.person.roles:
        if role in SEES_ALL:
            return True
    namespace = asked.node.props.get("namespace", "")
    in_force = []
    for one in asked.person.grants:
        over = one.expires <= NOW or one.ended is not None
        if not over and any(fits(namespace, pattern) for pattern in one.namespaces):
            in_force.append(one)
    place = namespace == "" or bool(in_force)
    for pattern in asked.rules.open:
        place = place or fits(namespace, pattern)
    if not place:
        return False
    [classes] = asked.marks.values() or [frozenset()]
    if asked.node.label in ("Job", "Run"):
        return True
    return all(any(name in one.classes for one in in_force) for name in classes)


def seeing(asked: Request) -> Seeing:
    return Seeing(Sights(asked.rules).sight(asked.person, NOW), asked.marks, IDENTITY)


@pytest.mark.campaign
def test_random_requests_are_decided_as_the_reference_decides_them() -> None:
    rng, number = random.Random(5), rounds(usual=20_000, campaign=1_000_000)
    differences, allowed = 0, 0
    by_role = {role: set(acts.split()) for role, acts in ALLOWED.items()}
    for _ in range(number):
        asked = request(rng)
        view, expected = seeing(asked), reference_sees(asked)
        told = (view.sees(asked.node), view.sees_ref(str(asked.ref)))
        doing = any(asked.act in by_role[role] for role in asked.person.roles)
        differences += told != (expected, expected) or may(asked.person.roles, asked.act) != doing
        # What is hidden is never named, what is seen always is.
        named = str(asked.ref) in view.masked({"path": [str(asked.ref)]})["path"]
        differences += named != expected
        allowed += expected
    record(
        "Random requests for access, against a plain reference",
        tried=number, failed=differences, unit="requests", note=f"{allowed:,} allowed",
    )  # fmt: skip
    assert differences == 0
    assert number // 10 < allowed < number * 9 // 10
