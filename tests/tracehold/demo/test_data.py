from __future__ import annotations

from pathlib import Path

import phonenumbers
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from tracehold.demo.data import synthetic_values, write_sources
from tracehold.demo.people import iban, make_customers


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_sources(folder, customers=300, bookings=800)
    return folder


def test_all_flights_of_2013_are_there(sources: Path) -> None:
    assert csv.read_csv(sources / "flights.csv").num_rows == 336_776


def test_the_same_seed_writes_the_same_bytes(sources: Path, tmp_path: Path) -> None:
    for path in write_sources(tmp_path, customers=300, bookings=800):
        assert path.read_bytes() == (sources / path.name).read_bytes(), path.name


def test_another_seed_makes_other_people() -> None:
    assert not synthetic_values(1, 50) & {one.iban for one in make_customers(2, 50)}


def test_check_digits_of_every_iban_are_valid() -> None:
    for one in make_customers(7, 500):
        moved = one.iban[4:] + "1314" + one.iban[2:4]
        assert int(moved) % 97 == 1


def test_a_known_iban_gets_its_known_check_digits() -> None:
    # 98 - 131400 mod 97 = 98 - 62 = 36, by hand.
    assert iban(0) == "DE36000000000000000000"


def test_every_phone_number_is_valid_in_form_and_fictional() -> None:
    for one in make_customers(7, 500):
        assert phonenumbers.is_valid_number(phonenumbers.parse(one.phone))
        assert " 496 0" in one.phone or " 7946 0" in one.phone or "-555-01" in one.phone


def test_values_are_unique_to_a_customer() -> None:
    assert len(synthetic_values(3, 1_000)) == 3_000


def test_notes_hold_no_value_that_the_set_does_not_know(sources: Path) -> None:
    known = synthetic_values(customers=300)
    for note in csv.read_csv(sources / "bookings.csv").column("note").to_pylist():
        if "@" in note or "+" in note or "DE" in note:
            assert any(value in note for value in known)


def test_bookings_belong_to_customers_of_the_customer_file(sources: Path) -> None:
    customers = set(pq.read_table(sources / "customers.parquet").column("customer_id").to_pylist())
    booked = csv.read_csv(sources / "bookings.csv").column("customer_id").to_pylist()
    assert set(booked) <= customers
