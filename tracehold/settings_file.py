"""Reading sections of a settings file into dataclasses, and knowing on which line a key stands."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Final

from lineage.clock import parse_millis
from lineage.errors import InvalidInput

__all__ = ["Reader", "environment_name"]


def environment_name(section: str, key: str) -> str:
    """The environment variable that overrides a setting."""
    return f"TRACEHOLD_{section}_{key}".upper()


class Reader:
    """Reads one file, with overrides from the environment."""

    def __init__(self, path: Path, lines: list[str], environ: Mapping[str, str]) -> None:
        self.path = path
        self.lines = lines
        self.environ = environ

    def where(self, section: str, key: str = "") -> str:
        """Where a section or key is set: file and line, or the variable that overrides it."""
        variable = environment_name(section, key)
        if key and variable in self.environ:
            return f"environment variable {variable}"
        inside = False
        for number, line in enumerate(self.lines, 1):
            head = line.split("#", 1)[0].strip()
            if head.startswith("["):
                inside = head.strip("[] ") == section
                if inside and not key:
                    return f"{self.path}:{number}"
            elif key and inside and head.partition("=")[0].strip().strip("\"'") == key:
                return f"{self.path}:{number}"
        return str(self.path)

    def refuse_unknown(
        self, what: str, shown: str, word: str, known: Mapping[str, object], where: str = ""
    ) -> None:
        """Raise ``InvalidInput`` that names the nearest known word."""
        close = difflib.get_close_matches(word, known, n=1)
        raise InvalidInput(
            f"unknown {what} {shown!r}",
            where=where or self.where(word),
            advice=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}",
        )

    def section(self, name: str, kind: type[Any], tree: object) -> Any:
        """One section as its dataclass.

        Raises:
            InvalidInput: A key is unknown, or a value has the wrong form.
        """
        if not isinstance(tree, dict):
            raise InvalidInput(
                f"{name} is not a section", where=str(self.path), advice=f"write [{name}]"
            )
        known = {f.name: f for f in fields(kind) if not f.metadata.get("secret")}
        for key in tree:
            if key not in known:
                self.refuse_unknown("setting", f"{name}.{key}", key, known, self.where(name, key))
        prefix = environment_name(name, "")
        secret = {f.name.upper() for f in fields(kind) if f.metadata.get("secret")}
        for variable in self.environ:
            rest = variable.removeprefix(prefix)
            if rest != variable and rest not in secret and rest.lower() not in known:
                self.refuse_unknown("setting", variable, rest.lower(), known, "environment")
        values: dict[str, Any] = {}
        for key, spec in known.items():
            override = self.environ.get(environment_name(name, key))
            given = override if override is not None else tree.get(key, MISSING)
            if given is not MISSING:
                values[key] = self._value(name, spec, given, from_text=override is not None)
        for spec in fields(kind):
            if spec.metadata.get("secret"):
                values[spec.name] = self.environ.get(environment_name(name, spec.name), "")
        return kind(**values)

    def _value(self, section: str, spec: Field[Any], given: Any, *, from_text: bool) -> Any:
        wanted = str(spec.type)
        try:
            if spec.metadata.get("moment"):
                text = str(given.isoformat() if hasattr(given, "isoformat") else given)
                return parse_millis(text) if text else None
            return _convert(wanted, given, from_text=from_text)
        except (ValueError, OverflowError):
            kind = "an ISO 8601 moment" if spec.metadata.get("moment") else _FORMS[wanted]
            raise InvalidInput(
                f"{section}.{spec.name} is not {kind}", where=self.where(section, spec.name),
                advice=str(spec.metadata.get("doc", "")),
            ) from None  # fmt: skip


_FORMS: Final[Mapping[str, str]] = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "Path": "a path",
    "Path | None": "a path",
    "tuple[str, ...]": "a list of texts",
}


def _convert(wanted: str, given: Any, *, from_text: bool) -> Any:
    """A value as the type ``wanted``. Raises ``ValueError``."""
    match wanted:
        case "bool" if from_text and given.lower() in ("true", "false", "1", "0"):
            return given.lower() in ("true", "1")
        case "bool" if isinstance(given, bool):
            return given
        case "int" if from_text or (isinstance(given, int) and not isinstance(given, bool)):
            return int(given)
        case "float" if from_text or (
            isinstance(given, (int, float)) and not isinstance(given, bool)
        ):
            return float(given)
        case "str" if isinstance(given, str):
            return given
        case "Path" | "Path | None" if isinstance(given, str) and given and "\0" not in given:
            return Path(given)
        case "tuple[str, ...]" if from_text:
            return tuple(part.strip() for part in given.split(",") if part.strip())
        case "tuple[str, ...]" if isinstance(given, list) and all(
            isinstance(part, str) for part in given
        ):
            return tuple(given)
        case _:
            raise ValueError(wanted)
