"""Synthetic customers: deterministic, and unable to reach a real person.

E-mail domains are those reserved for documentation (RFC 2606), telephone numbers come from the
ranges that Ofcom and the North American Numbering Plan keep for drama, and the IBANs have valid
check digits (ISO 13616, mod 97) over bank codes that begin with 0, which the Bundesbank never
assigns. Scanners take them for what they look like; mail, calls and money would go nowhere.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Customer", "iban", "make_customers"]

# The number after the area code runs over 0000 to 0999.
_UK_DRAMA_RANGES = (
    "+44 20 7946", "+44 113 496", "+44 114 496", "+44 116 496", "+44 117 496", "+44 118 496",
    "+44 121 496", "+44 131 496", "+44 141 496", "+44 151 496", "+44 161 496",
)  # fmt: skip
# 555-0100 to 555-0199 is fictional in every area code.
_US_AREA_CODES = ("202", "212", "303", "312", "404", "415", "503", "617", "702", "713")
_DOMAINS = ("example.org", "example.com", "example.net", "mail.example.org", "post.example.com")
_FIRST = (
    "ada", "bela", "cleo", "dario", "edda", "fynn", "gesa", "hugo", "ines", "jori", "kaja",
    "lino", "mila", "nils", "odin", "pia", "quirin", "runa", "sven", "tilda", "uma", "vito",
    "wanda", "xenia", "yara", "zeno",
)  # fmt: skip
_LAST = (
    "abendrot", "birkengold", "calderwick", "dornfeld", "elmhurst", "farnwald", "greenholt",
    "harthorn", "immergrun", "juniper", "kestrel", "lindwurm", "moorland", "nachtigal",
    "oakenfold", "pinecroft", "quellmann", "rowanoak", "silverlake", "thornbury", "ulmenhof",
    "vossberg", "wintermoor", "yewdale", "zirbelholz",
)  # fmt: skip
_COUNTRIES = ("DE", "GB", "US", "FR", "NL")


@dataclass(frozen=True, slots=True)
class Customer:
    """One synthetic customer."""

    customer_id: str
    email: str
    phone: str
    iban: str
    country: str
    birth_year: int
    tier: str
    miles: int


def iban(account: int) -> str:
    """A German-looking IBAN with valid check digits over bank code 0000 00ab, which no bank has.

    Args:
        account: Up to twelve digits; the first two become the end of the bank code.
    """
    digits = f"000000{account:012d}"
    # ISO 13616: "DE" reads as 1314, check digits are 98 - n mod 97 with "00" in their place.
    check = 98 - int(f"{digits}131400") % 97
    return f"DE{check:02d}{digits}"


def _phones() -> list[str]:
    british = [f"{area} {last:04d}" for area in _UK_DRAMA_RANGES for last in range(1000)]
    american = [f"+1 {area}-555-{last:04d}" for area in _US_AREA_CODES for last in range(100, 200)]
    return british + american


def make_customers(seed: int, count: int) -> list[Customer]:
    """The first ``count`` customers of a seed; each value is unique to its customer.

    Raises:
        ValueError: There are not so many fictional telephone numbers.
    """
    rng = random.Random(f"{seed}/customers")  # noqa: S311 - reproducible, not secret
    phones = _phones()
    if count > len(phones):
        raise ValueError(f"at most {len(phones)} customers have a fictional number of their own")
    rng.shuffle(phones)
    return [
        Customer(
            customer_id=f"C{number:06d}",
            email=f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}{number}@{rng.choice(_DOMAINS)}",
            phone=phones[number],
            iban=iban(rng.randrange(10**10) * 100 + number % 100),
            country=rng.choice(_COUNTRIES),
            birth_year=rng.randrange(1935, 1996),
            tier=rng.choices(("none", "silver", "gold"), (6, 3, 1))[0],
            miles=rng.randrange(0, 250_000),
        )
        for number in range(count)
    ]
