"""The column decision, on the real detector."""

from __future__ import annotations

import datetime as dt
import random
import socket
from typing import Any

import pyarrow as pa
import pytest

from privacy.scan import ColumnFinding, ScanSettings, scan_report, scan_table
from privacy.scan.findings import wilson
from privacy.scan.hints import hint

SECRET = b"s" * 32
IBAN = "DE89370400440532013000"
PHONE = "+44 20 7946 0958"


def scan(**columns: Any) -> dict[str, list[ColumnFinding]]:
    found: dict[str, list[ColumnFinding]] = {}
    for finding in scan_table(pa.table(columns), secret=SECRET):
        found.setdefault(finding.column, []).append(finding)
    return found


def emails(count: int) -> list[str]:
    return [f"person{number}@example.com" for number in range(count)]


def tiers(findings: list[ColumnFinding]) -> dict[str, str]:
    return {finding.entity: finding.tier for finding in findings}


def test_a_column_of_addresses_is_confirmed_with_its_share_and_interval() -> None:
    (finding,) = scan(contact=emails(50) + ["none"] * 50)["contact"]
    assert (finding.entity, finding.tier) == ("EMAIL_ADDRESS", "confirmed")
    assert finding.prevalence == 0.5
    assert finding.interval == (0.5, 0.5)
    assert (finding.method, finding.rows_seen, finding.rows_total) == ("full", 100, 100)


@pytest.mark.parametrize(
    ("entity", "values"),
    [
        ("PHONE_NUMBER", [PHONE, "+1 212-555-0187", "030 123456", "(212) 555-0187"]),
        ("IBAN_CODE", [IBAN, "GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606"]),
        ("CREDIT_CARD", ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009"]),
        ("IP_ADDRESS", ["192.168.1.7", "10.0.0.1", "2001:db8::8a2e:370:7334"]),
        ("US_SSN", ["078-05-1121", "219-09-9998", "457-55-5461"]),
        ("STREET_ADDRESS", ["12 Baker Street", "Hauptstraße 5", "3 rue Victor", "Calle Mayor 12"]),
    ],
)
def test_each_pinned_entity_types_its_column(entity: str, values: list[str]) -> None:
    assert tiers(scan(v=values * 5)["v"]).get(entity) == "confirmed"


def test_a_sample_gives_the_same_decision_as_the_full_scan_and_says_that_it_is_one() -> None:
    values = emails(3000) + [f"word{number}" for number in range(3000)]
    random.Random(1).shuffle(values)
    (finding,) = scan(c=values)["c"]
    assert (finding.method, finding.rows_seen, finding.rows_total) == ("sample", 1000, 6000)
    low, high = finding.interval
    assert low < finding.prevalence < high
    assert low <= 0.5 <= high


def test_one_address_in_thousands_of_notes_is_found_by_the_whole_column_pass() -> None:
    notes = [f"seat {n} asked for a quiet place" for n in range(20_000)]
    notes[12_345] += " and mail to rare.person@example.com"
    (finding,) = scan(note=notes)["note"]
    assert (finding.entity, finding.tier, finding.method) == (
        "EMAIL_ADDRESS",
        "confirmed",
        "needle",
    )
    assert finding.prevalence == pytest.approx(1 / 20_000)
    assert finding.rows_seen == 20_000


def test_free_text_lists_every_entity_inside_it() -> None:
    notes = [f"call {PHONE} or write a@example.com", f"refund to {IBAN}", "vegetarian meal"] * 20
    assert tiers(scan(note=notes)["note"]) == {
        "EMAIL_ADDRESS": "confirmed",
        "IBAN_CODE": "confirmed",
        "PHONE_NUMBER": "confirmed",
    }


@pytest.mark.parametrize(
    "values",
    [
        [str(1_700_000_000 + n) for n in range(300)],
        [str(1_700_000_000_000 + n) for n in range(300)],
        [f"2013-{1 + n % 12:02}-{1 + n % 28:02} 05:00:00" for n in range(300)],
        [f"{n / 7:.6f}" for n in range(300)],
        [f"N{10_000 + n}" for n in range(300)],
        [f"B{n:07d}" for n in range(3000)],
        ["EWR", "LGA", "JFK"] * 100,
        ["Airbus Industrie", "BOEING 737-824", "A320-232"] * 100,
    ],
)
def test_times_numbers_and_identifiers_are_not_personal_data(values: list[str]) -> None:
    assert [f.tier for f in scan(v=values)["v"]] == ["none"]


def test_digits_that_only_could_be_phones_are_candidates_and_a_hint_confirms_them() -> None:
    values = [f"2125550{n:03d}" for n in range(100)]
    assert tiers(scan(ref=values)["ref"]).get("PHONE_NUMBER") in {"candidate", None}
    assert tiers(scan(phone=values)["phone"])["PHONE_NUMBER"] == "confirmed"


def test_a_name_raises_to_candidate_and_never_further() -> None:
    found = scan(first_name=["Ada", "Grace"], dob=["x", "y"], phone=[4915112345678, 2])
    assert tiers(found["first_name"]) == {"PERSON": "candidate"}
    assert tiers(found["dob"]) == {"DATE_OF_BIRTH": "candidate"}
    assert tiers(found["phone"]) == {"PHONE_NUMBER": "candidate"}
    assert {f.method for fs in found.values() for f in fs} == {"hint"}


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("customerEmail", "EMAIL_ADDRESS"), ("E-Mail", "EMAIL_ADDRESS"), ("mobile", "PHONE_NUMBER"),
        ("client_ip", "IP_ADDRESS"), ("shipping_address", "STREET_ADDRESS"), ("tailnum", ""),
        ("carrier", ""), ("shipment", ""), ("description", ""), ("company", ""),
    ],
)  # fmt: skip
def test_names_are_read_word_by_word(name: str, entity: str) -> None:
    assert hint(name) == entity


def test_columns_that_are_not_text_are_skipped_with_a_reason() -> None:
    found = scan(n=[1, 2], d=[dt.date(2024, 1, 1)] * 2, empty=pa.array([None, None], pa.string()))
    assert "int64" in found["n"][0].reason
    assert found["n"][0].rows_seen == 0
    assert found["d"][0].method == "typed"
    assert found["empty"][0].method == "empty"


def test_nested_and_dictionary_columns_are_looked_into() -> None:
    table = pa.table(
        {
            "who": pa.array([{"mail": "a@example.com", "n": 1}] * 3),
            "tags": pa.array([["b@example.com", "x"]] * 3),
            "code": pa.array(["c@example.com"] * 3).dictionary_encode(),
        }
    )
    confirmed = {f.column for f in scan_table(table) if f.tier == "confirmed"}
    assert confirmed == {"who.mail", "tags", "code"}


def test_the_same_data_gives_the_same_findings_and_the_configuration_has_a_digest() -> None:
    table = pa.table({"c": emails(3000) + ["x"] * 3000})
    first, second = scan_report(table, secret=SECRET), scan_report(table, secret=SECRET)
    assert first == second
    other = scan_report(table, secret=SECRET, settings=ScanSettings(typed=0.4))
    assert other.config_digest != first.config_digest


def test_no_value_is_in_a_finding() -> None:
    table = pa.table({"mail": emails(9), "note": [f"call {PHONE}, {IBAN}"] * 9})
    text = repr(scan_report(table)) + str(scan_report(table).as_dict())
    for value in (*emails(9), PHONE, IBAN):
        assert value not in text


def test_a_scan_asks_nothing_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the scan reached for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert tiers(scan(c=["fresh@domain-never-seen.co.uk"] * 3)["c"]) == {
        "EMAIL_ADDRESS": "confirmed"
    }


def test_the_interval_of_nothing_seen_follows_the_rule_of_three() -> None:
    low, high = wilson(0, 3000)
    assert low == 0.0
    assert high == pytest.approx(0.00128, abs=1e-4)
    with pytest.raises(ValueError, match="between"):
        wilson(2, 1)
