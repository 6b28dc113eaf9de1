"""SPDX license expressions as lists of alternatives.

Parsing is the work of ``license-expression``; here an expression becomes the alternatives that its
``OR`` leaves open, each a set of licenses that hold together. ``WITH`` an exception counts as the
license itself: an exception only adds permissions, so the result is never too generous.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final

from catalog.errors import BadExpression

__all__ = ["NOT_SAID", "Alternatives", "alternatives", "is_expression", "parse_expression"]

Alternatives = tuple[frozenset[str], ...]

NOT_SAID: Final = frozenset({"", "NONE", "NOASSERTION", "UNKNOWN", "NO LICENSE", "UNCLEAR"})
"""What people write where they know of no license; folded to capitals."""

_LIMIT: Final = 64
_LONGEST: Final = 2000


@cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@lru_cache(maxsize=4096)
def alternatives(expression: str) -> Alternatives:
    """The alternatives of an expression, in a fixed order.

    Raises:
        BadExpression: Not an SPDX expression, or one with more than 64 alternatives.
    """
    from license_expression import ExpressionError

    if len(expression) > _LONGEST:
        raise _bad("the license expression is too long")
    try:
        parsed = _licensing().parse(expression, validate=False)
    except (ExpressionError, ValueError, RecursionError):
        raise _bad(f"{expression!r} is not a license expression") from None
    if parsed is None:
        raise _bad("the license expression is empty")
    return tuple(sorted(_expand(parsed), key=sorted))


def is_expression(text: str) -> bool:
    """Whether a text can be parsed; says nothing about whether its licenses are known."""
    try:
        alternatives(text)
    except BadExpression:
        return False
    return True


def _expand(node: Any) -> set[frozenset[str]]:
    operator = getattr(node, "operator", "").strip()
    if operator == "OR":
        return _limited(one for child in node.args for one in _expand(child))
    if operator == "AND":
        made = {frozenset[str]()}
        for child in node.args:
            right = _expand(child)
            made = _limited(a | b for a in made for b in right)
        return made
    if hasattr(node, "license_symbol"):
        if not _known(node.exception_symbol):
            return {frozenset({f"{node.license_symbol.key} WITH {node.exception_symbol.key}"})}
        return {frozenset({str(node.license_symbol.key)})}
    return {frozenset({str(node.key)})}


def _known(symbol: Any) -> bool:
    return symbol.key in _licensing().known_symbols


def _limited(found: Any) -> set[frozenset[str]]:
    made = set(found)
    if len(made) > _LIMIT:
        raise _bad(f"the license expression leaves more than {_LIMIT} alternatives")
    return made


def _bad(what: str) -> BadExpression:
    return BadExpression(
        what, advice="write an SPDX expression, for example CC-BY-4.0 or MIT AND CC0-1.0"
    )


def parse_expression(text: str) -> str:
    """The expression in the form that SPDX writes it, for example ``CC-BY-4.0`` for ``cc-by-4.0``.

    Raises:
        BadExpression: Not an SPDX expression.
    """
    alternatives(text)
    return str(_licensing().parse(text, validate=False))
