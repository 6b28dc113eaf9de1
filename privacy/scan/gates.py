"""Necessary conditions: which entities a value could hold at all.

The conditions are sound for every recognizer used, with one stated exception: a phone number needs
seven digits here. Presidio also reports numbers of four to six digits; measured, those hits were
spurious, and a short code is nobody's number.
"""

from __future__ import annotations

import re

__all__ = ["ENTITIES", "STRONG", "looks_personal", "possible"]

ENTITIES: tuple[str, ...] = (
    "EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN_CODE", "CREDIT_CARD", "IP_ADDRESS", "US_SSN", "URL",
    "STREET_ADDRESS",
)  # fmt: skip
"""The pinned list of entities that a scan looks for."""

STRONG = frozenset({"EMAIL_ADDRESS", "IBAN_CODE", "CREDIT_CARD"})
"""Entities whose form is checked (domain, check digits): one sound hit in a text is enough."""

_IPV6 = re.compile(r"::|(?:[0-9A-Fa-f]{1,4}:){6}")
_URL = re.compile(r"[A-Za-z0-9]\.[A-Za-z]{2}")
_STREET_WORD = re.compile(r"(?i)\b[^\W\d]{2,}")


def possible(value: str) -> list[str]:
    """The entities that ``value`` could hold; empty for most values of most columns."""
    found: list[str] = []
    digits = sum(c.isdigit() for c in value)
    if "@" in value:
        found.append("EMAIL_ADDRESS")
    if digits >= 7:
        found.append("PHONE_NUMBER")
    if digits >= 9:
        found.append("US_SSN")
    if digits >= 12:
        found.append("CREDIT_CARD")
    if digits >= 4 and sum(c.isalnum() for c in value) >= 15:
        found.append("IBAN_CODE")
    if (digits >= 4 and value.count(".") >= 3) or (value.count(":") >= 2 and _IPV6.search(value)):
        found.append("IP_ADDRESS")
    if "." in value and _URL.search(value):
        found.append("URL")
    if digits and " " in value and _STREET_WORD.search(value):
        found.append("STREET_ADDRESS")
    return found


_PERSONAL = re.compile(
    r"[^\s@/]@[^\s@/]+\.[A-Za-z]"
    r"|\b[A-Z]{2}\d{2}[A-Z0-9]{11}"
    r"|(?<!\w)\+?\d[ ().-]?(?:\d[ .-]?){8,13}(?!\w)"
)


def looks_personal(text: str) -> bool:
    """Whether a name or path could hold an e-mail address, an IBAN or a telephone number."""
    return _PERSONAL.search(text) is not None
