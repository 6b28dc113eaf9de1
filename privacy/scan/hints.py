"""What a column's name suggests. A name raises to ``candidate`` and never further."""

from __future__ import annotations

import re

__all__ = ["hint"]

_HINTS: tuple[tuple[str, str], ...] = (
    ("EMAIL_ADDRESS", r"e?mail|email address|mail address"),
    ("PHONE_NUMBER", r"phone|telephone|mobile|cell|cellphone|fax|msisdn"),
    ("IBAN_CODE", r"iban|bank account|account number"),
    ("CREDIT_CARD", r"credit card|card number|cc number|pan"),
    ("US_SSN", r"ssn|social security|national id|tax id|nino"),
    ("IP_ADDRESS", r"ip|ip address|ipv4|ipv6|client ip|remote addr"),
    ("PERSON", r"(?:first|last|full|given|family|middle|maiden|customer|passenger) ?name"),
    ("PERSON", r"surname|contact name|person"),
    ("STREET_ADDRESS", r"(?:street|home|postal|mailing|billing|shipping)(?: address)?|address"),
    ("DATE_OF_BIRTH", r"birth ?date|birth ?day|dob|date of birth|born"),
    ("PASSPORT", r"passport(?: number| no)?"),
)  # fmt: skip
_COMPILED = tuple(
    (entity, re.compile(rf"(?:^|.* )(?:{pattern})(?: .*)?$")) for entity, pattern in _HINTS
)
_SPLIT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def hint(column: str) -> str:
    """The entity type that the name suggests, or an empty text.

    ``customerEmail``, ``customer_email`` and ``CUSTOMER-EMAIL`` read the same.
    """
    words = " ".join(part.lower() for part in _SPLIT.split(column) if part)
    return next((entity for entity, pattern in _COMPILED if pattern.match(words)), "")
