"""JSON Schemas of the manifests, made from the structs, for editors and for the reference pages."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

import msgspec
import msgspec.inspect

from catalog.manifests.loading import KINDS
from lineage.facts import Json

__all__ = ["manifest_schema", "schema_text"]

_BASE: Final = "https://tracehold.dev/spec/manifests/1-0-0"
_ITEM: Final = re.compile(r"^    (\w+): (.*)$")


def manifest_schema(kind: str) -> dict[str, Json]:
    """The JSON Schema (2020-12) of one kind of manifest.

    Args:
        kind: ``dataset``, ``retention``, ``model`` or ``license``.
    """
    struct = KINDS[kind]
    (_,), definitions = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    for one in _structs(struct):
        _describe(definitions[one.__name__], one)
    body = definitions.pop(struct.__name__)
    body["properties"] = {"kind": {"const": kind}, **body["properties"]}
    body["required"] = ["kind", *body.get("required", ())]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{_BASE}/{kind}.schema.json",
        **body,
        **({"$defs": definitions} if definitions else {}),
    }


def schema_text(kind: str) -> str:
    """The schema as it stands in ``docs/reference/manifests``."""
    return msgspec.json.format(msgspec.json.encode(manifest_schema(kind)), indent=2).decode() + "\n"


def _structs(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The struct and every struct that it is made of."""
    found: list[type[msgspec.Struct]] = []

    def walk(shape: Any) -> None:
        if isinstance(shape, msgspec.inspect.StructType):
            if shape.cls not in found:
                found.append(shape.cls)
                for field in shape.fields:
                    walk(field.type)
            return
        for name in ("item_type", "value_type", "type"):
            if (inner := getattr(shape, name, None)) is not None:
                walk(inner)
        for inner in getattr(shape, "types", ()):
            walk(inner)

    walk(msgspec.inspect.type_info(struct))
    return found


def _describe(schema: dict[str, Json], struct: type[msgspec.Struct]) -> None:
    """Titles and descriptions from docstrings; what an editor shows is what the code says."""
    text = inspect.getdoc(struct) or ""
    head, _, rest = text.partition("\nAttributes:\n")
    schema["description"] = " ".join(head.split())
    names = {field.name: field.encode_name for field in msgspec.structs.fields(struct)}
    current = ""
    told: dict[str, str] = {}
    for line in rest.splitlines():
        if item := _ITEM.match(line):
            current = names.get(item[1], "")
            told[current] = item[2]
        elif current:
            told[current] += f" {line.strip()}"
    for name, said in told.items():
        if name in schema["properties"]:
            schema["properties"][name]["description"] = said.replace("``", "`").strip()
