"""Lexical masks: what hides a value in a text and leaves the rest readable.

Lexical means by shape alone: no model, no dictionary, the same result for the same bytes. The masks
are narrow, because a mask that eats names breaks lineage.
"""

from __future__ import annotations

import re

__all__ = ["mask_error", "mask_free_text", "mask_sql", "mask_stack"]

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_DIGIT = re.compile(r"\d")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_PHONE = re.compile(r"(?<![\w./:=%#-])\+?\(?\d[\d ()/.-]{6,24}\d(?![\w-])")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,3}(?:\.\d{1,3}){3}$")
_CREDENTIAL = re.compile(
    r"(?i)\b(password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization)"
    r"(\s*[=:]\s*)(?:bearer\s+|basic\s+)?[^\s,;&\"']+"
)
_USERINFO = re.compile(r"(?<=://)[^/\s:@]{1,128}:[^/\s@]{1,128}(?=@)")


def _phone(found: re.Match[str]) -> str:
    text = found.group()
    if _DATE.match(text) or sum(c.isdigit() for c in text) < 8:
        return text
    return "[phone]"


def mask_free_text(text: str) -> str:
    """Masks e-mail addresses, IBANs, telephone numbers (8 digits or more) and credentials."""
    if len(text) < 6:
        return text
    if "://" in text:
        text = _USERINFO.sub("[credential]", text)
    if "@" in text:
        text = _EMAIL.sub("[e-mail]", text)
    if "=" in text or ":" in text:
        text = _CREDENTIAL.sub(r"\1\2[credential]", text)
    if _DIGIT.search(text) is None:
        return text
    text = _IBAN.sub("[iban]", text)
    return _PHONE.sub(_phone, text)


_SQL = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
  | (?P<dollar>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
  | (?P<text>(?:\b[eEnNbBxXrR])?'(?:[^'\\]|''|\\.)*(?:'|\\?\Z))
  | (?P<name>"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z)|\[[^\]\n]*\])
  | (?P<word>[^\W\d]\w*)
  | (?P<number>\d[\w.]*)
    """,
    re.VERBOSE | re.DOTALL,
)

_IDENTIFIER = re.compile(r"[\"`\[][\w $./:#-]{1,256}[\"`\]]")


def _sql_token(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found.group()
    if kind == "word":
        return text
    if kind == "name":
        # Some dialects write strings in double quotes: only what could be an identifier stays.
        return text if _IDENTIFIER.fullmatch(text) and mask_free_text(text) == text else "?"
    return "/* */" if kind == "comment" else "?"


def mask_sql(text: str) -> str:
    """Replaces the literals of a statement by ``?`` and empties comments.

    Quoted identifiers stay: they are names. An unclosed literal is masked to the end.
    """
    return _SQL.sub(_sql_token, text)


_CLASS = re.compile(r"\s*((?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*(?:Error|Exception|Failure))\b")
_FRAME = re.compile(r"\s*(?:at [\w.$/<>]+\([\w.$:/ ]*\)|File \"[^\"]*\", line \d+, in [\w<>.]+)\s*")


def mask_error(text: str) -> str:
    """Keeps the class name that leads an error message; the rest is replaced by its length."""
    named = _CLASS.match(text, 0, 512)
    lead = named.group(1) if named else ""
    rest = len(text) - (named.end() if named else 0)
    if not rest:
        return lead
    return f"{lead}: [{rest} characters masked]" if lead else f"[{rest} characters masked]"


def mask_stack(text: str) -> str:
    """Keeps the frames of a Java or Python stack trace; other lines are masked."""
    lines = (
        line if _FRAME.fullmatch(line) else mask_error(line) for line in text.split("\n") if line
    )
    return "\n".join(lines)
