"""Looking for the demo's synthetic values in whatever was written, in one pass over the bytes.

Everything that has the form of such a value is taken out by one pattern and compared with the set
of them; looking for each of 15,000 values in turn would take hours. Separators count as absent and
letters as small, so that a value is found in another notation too.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import unquote_to_bytes

from tracehold.demo.data import synthetic_values

__all__ = ["canaries", "found"]

_GAP = rb"(?:[ ()+./-]|%20)*"
# Each form looks ahead, so that a match that begins too early, as in "\nada.juniper", hides none.
_FORMS = tuple(
    re.compile(form.replace(b"_", _GAP))
    for form in (
        rb"(?=([a-z]{1,16}\.[a-z]{1,16}\d{1,5}(?:@|%40|\\u0040)(?:[a-z]+\.)?example\.[a-z]{3}))",
        rb"44(?=_((?:\d_){9}\d))",
        rb"1(?=_(\d_\d_\d_5_5_5_0_1_\d_\d))",
        rb"de(?=_((?:\d_){19}\d))",
    )
)
_SEPARATORS = re.compile(rb"[ ()+./-]")


def _plain(value: bytes) -> bytes:
    value = unquote_to_bytes(value.replace(rb"\u0040", b"@"))
    return value if b"@" in value else _SEPARATORS.sub(b"", value)


@cache
def canaries() -> frozenset[bytes]:
    """Every e-mail address, telephone number and IBAN of the demo, numbers without prefix."""
    return frozenset(
        re.sub(rb"^(?:44|1|DE)", b"", _plain(value.encode())) for value in synthetic_values()
    )


def found(content: bytes) -> set[bytes]:
    """The synthetic values that the content holds."""
    content = content.lower()
    return {_plain(match) for form in _FORMS for match in form.findall(content)} & canaries()
