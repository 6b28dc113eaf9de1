"""From a tree to a struct, collecting every problem on the way and not the first one only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect as shapes

from catalog.manifests.document import Listing, Mapping, Scalar, Tree
from catalog.manifests.problems import Problem, one_of

__all__ = ["bind"]

_S = TypeVar("_S", bound=msgspec.Struct)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INT: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WRONG: Final = object()
_info: Callable[[Any], Any] = cache(shapes.type_info)


def bind(tree: Mapping, struct: type[_S], file: str) -> tuple[_S | None, list[Problem]]:
    """Fill a struct from a document.

    Args:
        tree: The document, without the field ``kind``.
        struct: What to fill; its types, limits and enumerations are held.
        file: Name of the file in problems.

    Returns:
        The struct, or None where a problem stands in its way, and every problem found.
    """
    binder = _Binder(file)
    made = binder.struct(tree, _info(struct), "")
    return (None if made is _WRONG or binder.problems else made), binder.problems


@dataclass(slots=True)
class _Binder:
    file: str
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, line: int, path: str, what: str, fix: str) -> Any:
        self.problems.append(Problem(self.file, line, path, what, fix))
        return _WRONG

    def value(self, tree: Tree, shape: Any, path: str) -> Any:
        match shape:
            case shapes.UnionType(types=types):
                if _is_null(tree):
                    return None
                one = next(t for t in types if not isinstance(t, shapes.NoneType))
                return self.value(tree, one, path)
            case shapes.StructType():
                return self.struct(tree, shape, path)
            case shapes.VarTupleType() | shapes.ListType():
                return self.listing(tree, shape, path)
            case shapes.DictType():
                return self.mapping(tree, shape, path)
            case shapes.AnyType():
                return _plain(tree)
            case shapes.Metadata(type=inner):
                hint = (shape.extra_json_schema or {}).get("description", "")
                if isinstance(inner, shapes.StrType):
                    return self.scalar(tree, inner, path, hint)
                return self.value(tree, inner, path)
        return self.scalar(tree, shape, path)

    def struct(self, tree: Tree, shape: shapes.StructType, path: str) -> Any:
        if not isinstance(tree, Mapping):
            names = ", ".join(f.encode_name for f in shape.fields if f.required)
            return self.wrong(
                tree.line, path, "fields are expected here", f"write {names or 'NAME: VALUE'}"
            )
        known = {f.encode_name: f for f in shape.fields}
        for name in tree.items:
            if name not in known:
                where = f"{path}.{name}" if path else name
                self.wrong(
                    tree.lines[name], where, "there is no such field", one_of(name, known, "fields")
                )
        made: dict[str, Any] = {}
        complete = True
        for name, one in known.items():
            where = f"{path}.{name}" if path else name
            if name in tree.items:
                bound = self.value(tree.items[name], one.type, where)
                complete = complete and bound is not _WRONG
                made[one.name] = bound
            elif one.required:
                complete = False
                self.wrong(tree.line, where, "the field is missing", f"add {where}")
        return shape.cls(**made) if complete else _WRONG

    def listing(self, tree: Tree, shape: Any, path: str) -> Any:
        if not isinstance(tree, Listing):
            return self.wrong(tree.line, path, "a list is expected here", "write [A, B]")
        if shape.min_length and len(tree.items) < shape.min_length:
            return self.wrong(tree.line, path, "the list is empty", "name at least one")
        bound = [
            self.value(item, shape.item_type, f"{path}[{index}]")
            for index, item in enumerate(tree.items)
        ]
        if any(item is _WRONG for item in bound):
            return _WRONG
        return tuple(bound) if isinstance(shape, shapes.VarTupleType) else bound

    def mapping(self, tree: Tree, shape: shapes.DictType, path: str) -> Any:
        if not isinstance(tree, Mapping):
            return self.wrong(tree.line, path, "fields are expected here", "write NAME: VALUE")
        bound = {
            name: self.value(item, shape.value_type, f"{path}.{name}")
            for name, item in tree.items.items()
        }
        return _WRONG if any(item is _WRONG for item in bound.values()) else bound

    def scalar(self, tree: Tree, shape: Any, path: str, hint: str = "") -> Any:
        if not isinstance(tree, Scalar):
            return self.wrong(tree.line, path, "one value is expected here", "write NAME: VALUE")
        if _is_null(tree):
            return self.wrong(tree.line, path, "the value is empty", "write one, or drop the field")
        match shape:
            case shapes.LiteralType():
                return self.choice(tree, shape, path)
            case shapes.StrType():
                return self.text(tree, shape, path, hint)
            case shapes.BoolType():
                return self.truth(tree, path)
            case shapes.IntType():
                return self.number(tree, _INT, int, path)
            case shapes.FloatType():
                return self.number(tree, _FLOAT, float, path)
            case shapes.DateType():
                return self.day(tree, path)
        raise AssertionError(f"no manifest field has the type {shape}")

    def choice(self, tree: Scalar, shape: shapes.LiteralType, path: str) -> Any:
        values = [str(value) for value in shape.values]
        if tree.text in values:
            return tree.text
        what = f"{tree.text!r} is not allowed here"
        return self.wrong(tree.line, path, what, one_of(tree.text, values, "values"))

    def text(self, tree: Scalar, shape: shapes.StrType, path: str, hint: str) -> Any:
        if shape.pattern and not re.search(shape.pattern, tree.text):
            fix = f"write {hint}" if hint else f"write it in the form {shape.pattern}"
            return self.wrong(tree.line, path, f"{tree.text!r} has the wrong form", fix)
        return tree.text

    def truth(self, tree: Scalar, path: str) -> Any:
        if tree.text in {"true", "false"} and tree.plain:
            return tree.text == "true"
        return self.wrong(
            tree.line, path, f"{tree.text!r} is neither true nor false", "use true or false"
        )

    def day(self, tree: Scalar, path: str) -> Any:
        try:
            return date.fromisoformat(tree.text)
        except ValueError:
            what = f"{tree.text!r} is not a date"
            return self.wrong(tree.line, path, what, "write it as YYYY-MM-DD")

    def number(
        self, tree: Scalar, form: re.Pattern[str], make: Callable[[str], Any], path: str
    ) -> Any:
        if tree.plain and form.fullmatch(tree.text):
            return make(tree.text)
        return self.wrong(tree.line, path, f"{tree.text!r} is not a number", "write digits")


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.plain and tree.text in _NULLS


def _plain(tree: Tree) -> Any:
    """A value of no declared type, by the core rules of YAML 1.2."""
    if isinstance(tree, Listing):
        return [_plain(item) for item in tree.items]
    if isinstance(tree, Mapping):
        return {name: _plain(item) for name, item in tree.items.items()}
    if not tree.plain:
        return tree.text
    if _is_null(tree):
        return None
    if tree.text in {"true", "false"}:
        return tree.text == "true"
    if _INT.fullmatch(tree.text):
        return int(tree.text)
    return float(tree.text) if _FLOAT.fullmatch(tree.text) else tree.text
