from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import BadExpression
from catalog.judgement import Verdict
from catalog.licenses.algebra import Terms, meet, terms_of
from catalog.licenses.expression import alternatives, parse_expression
from catalog.licenses.settle import settle
from catalog.licenses.terms import ContractTerms, find_terms, table
from catalog.licenses.uses import USES, Severity

ORDER: tuple[Verdict, ...] = ("allowed", "unknown", "denied")
symbols = st.sampled_from([*sorted(table()), "LicenseRef-unknown", "NONE"])
terms = st.sets(symbols, max_size=4).map(lambda some: terms_of(some, {}))
uses = st.sampled_from(sorted(USES)).map(USES.__getitem__)
results = st.sampled_from(["work", "database", "collection"])
severities = st.builds(
    Severity,
    no_derivatives=st.sampled_from(["deny", "flag"]),
    share_alike=st.sampled_from(["deny", "flag"]),
)


def _expressions() -> st.SearchStrategy[str]:
    return st.recursive(
        symbols,
        lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        max_leaves=4,
    )


@given(terms, terms)
def test_meet_is_commutative(left: Terms, right: Terms) -> None:
    assert meet(left, right) == meet(right, left)


@given(terms, terms, terms)
def test_meet_is_associative(a: Terms, b: Terms, c: Terms) -> None:
    assert meet(meet(a, b), c) == meet(a, meet(b, c))


@given(terms)
def test_meet_is_idempotent_and_has_a_neutral_element(one: Terms) -> None:
    assert meet(one, one) == one
    assert meet(one, Terms()) == one


@given(st.lists(_expressions(), max_size=4), _expressions(), uses, results, severities)
def test_adding_an_input_never_loosens_the_verdict(some, more, use, result, severity) -> None:
    before = settle(some, use, severity=severity, result=result)
    after = settle([*some, more], use, severity=severity, result=result)
    assert ORDER.index(after.verdict) >= ORDER.index(before.verdict)
    hard = {c.code for c in before.clauses if c.weight != "flag"}
    assert not hard or after.verdict != "allowed"


@given(st.lists(_expressions(), max_size=4), uses, results)
def test_order_and_repetition_of_inputs_do_not_matter(some, use, result) -> None:
    once = settle(some, use, result=result)
    assert settle([*reversed(some), *some], use, result=result) == once


@given(_expressions(), _expressions(), uses)
def test_and_is_the_same_as_two_inputs_and_or_is_no_worse_than_each(left, right, use) -> None:
    both = settle([f"({left}) AND ({right})"], use)
    assert both.verdict == settle([left, right], use).verdict
    either = settle([f"({left}) OR ({right})"], use)
    best = min(settle([left], use).verdict, settle([right], use).verdict, key=ORDER.index)
    assert ORDER.index(either.verdict) <= ORDER.index(best)


@given(symbols, uses)
def test_public_domain_is_neutral(one: str, use) -> None:
    assert settle([one, "CC0-1.0"], use).verdict == settle([one], use).verdict


@given(st.text(max_size=60), uses)
def test_any_text_at_all_is_judged_and_garbage_is_unknown(text: str, use) -> None:
    settled = settle([text], use)
    if not any(symbol in table() for one in settled.chosen.values() for symbol in one):
        assert settled.verdict == "unknown"


def test_an_input_with_too_many_choices_is_unknown_and_many_inputs_end() -> None:
    wide = " AND ".join(f"(MIT OR LicenseRef-{n})" for n in range(12))
    assert settle([wide], USES["evaluate"]).verdict == "unknown"
    many = [f"MIT OR LicenseRef-{n}" for n in range(40)]
    assert settle(many, USES["train-for-release"]).verdict == "allowed"


def test_a_choice_is_recorded() -> None:
    settled = settle(["MIT OR CC-BY-NC-4.0"], USES["train-for-release"])
    assert settled.choices == ("MIT OR CC-BY-NC-4.0: MIT taken for train-for-release",)


def test_unsettled_questions_can_be_flags_and_settled_ones_cannot() -> None:
    lenient = Severity(no_derivatives="flag", share_alike="flag")
    release = USES["train-for-release"]
    for some in (["CC-BY-ND-4.0"], ["CC-BY-SA-4.0", "GPL-2.0-only"]):
        assert settle(some, release).verdict == "denied"
        flagged = settle(some, release, severity=lenient)
        assert flagged.verdict == "allowed"
        assert [clause.weight for clause in flagged.clauses] == ["flag"]
    assert settle(["CC-BY-NC-4.0"], release, severity=lenient).verdict == "denied"


def contract(**changes: object) -> ContractTerms:
    fields: dict[str, object] = {
        "id": "LicenseRef-acme",
        "name": "Contract",
        "supplier": "Acme",
        "use": "any",
        "derivatives": "yes",
        "training": "allowed",
        "source": "drawer 3",
        "review_by": dt.date(2030, 1, 1),
    }
    return ContractTerms(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "use", "verdict"),
    [
        ({}, "train-for-release", "allowed"),
        ({"training": "denied"}, "evaluate", "denied"),
        ({"use": "research-only"}, "train-internal", "denied"),
        ({"use": "research-only"}, "evaluate", "allowed"),
        ({"expires": dt.date(2026, 1, 1)}, "evaluate", "unknown"),
        ({"expires": dt.date(2026, 1, 2)}, "evaluate", "allowed"),
    ],
)
def test_own_contracts_hold_until_they_expire(changes, use: str, verdict: str) -> None:
    own = {"LicenseRef-acme": contract(**changes).as_terms(dt.date(2026, 1, 1))}
    assert settle(["LicenseRef-acme"], USES[use], own=own).verdict == verdict


def test_every_row_is_an_spdx_id_with_a_source_and_targets_that_exist() -> None:
    for name, row in table().items():
        assert parse_expression(name) == name
        assert row.source.startswith("https://")
        assert set(row.share_alike) <= set(table())
        assert set(row.not_into) <= set(table())
        assert not row.share_alike or name in row.share_alike


def test_ported_licenses_have_the_terms_of_the_unported_one() -> None:
    found = find_terms("CC-BY-NC-3.0-DE", {})
    assert found is not None
    assert found.id == "CC-BY-NC-3.0"
    assert find_terms("CC-BY-9.9", {}) is None


@pytest.mark.parametrize("text", ["", "MIT AND", "(MIT", "MIT/Apache-2.0", "a" * 3000])
def test_what_is_no_expression_is_refused_with_advice(text: str) -> None:
    with pytest.raises(BadExpression) as caught:
        alternatives(text)
    assert "SPDX" in caught.value.advice
