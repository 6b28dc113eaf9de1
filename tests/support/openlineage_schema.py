"""The published schemas of OpenLineage as an oracle: jsonschema over the files of the corpus.

Nothing here is shared with the product's own forms. Formats are asserted, as OpenLineage means
them to be: date-time, uri, uuid.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from services import corpus

__all__ = ["event_breaks", "facet_breaks", "facets_of", "files", "is_standard"]

_CHECKER = FormatChecker(formats=[])


@_CHECKER.checks("uuid")
def _is_uuid(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


@_CHECKER.checks("date-time")
def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


@_CHECKER.checks("uri")
def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if re.search(r"[\s<>\"{}|\\^`\x00-\x1f]", value):
        return False
    return bool(urlsplit(value).scheme)


def _folder() -> Path:
    found = corpus()
    assert found is not None
    return found / "spec" / "spec"


def files() -> list[Path]:
    """The schemas of the standard facets."""
    return sorted((_folder() / "facets").glob("*.json"))


@cache
def _registry() -> tuple[Registry[Any], Draft202012Validator]:
    core = json.loads((_folder() / "OpenLineage.json").read_bytes())
    schemas = [core, *(json.loads(path.read_bytes()) for path in files())]
    registry: Registry[Any] = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    )
    return registry, Draft202012Validator(core, registry=registry, format_checker=_CHECKER)


@cache
def _definitions() -> dict[str, tuple[str, Draft202012Validator]]:
    """Name of a definition → model version and validator."""
    registry, _ = _registry()
    found = {}
    for path in files():
        schema = json.loads(path.read_bytes())
        for name in schema["$defs"]:
            if name.endswith("Facet"):
                whole = {"$ref": f"{schema['$id']}#/$defs/{name}"}
                validator = Draft202012Validator(whole, registry=registry, format_checker=_CHECKER)
                found[name] = (schema["$id"].split("/facets/")[1].split("-")[0], validator)
    return found


def event_breaks(event: Any) -> bool:
    """Whether an event breaks the core schema."""
    return not _registry()[1].is_valid(event)


def _schema_of(facet: Any) -> Draft202012Validator | None:
    """The standard schema that the URL of a facet names, of the model version that it names."""
    if not isinstance(facet, dict) or not isinstance(facet.get("_schemaURL"), str):
        return None
    url = facet["_schemaURL"]
    if "openlineage.io/spec" not in url and "OpenLineage/OpenLineage" not in url:
        return None
    name = re.split(r"[/#]", url.removesuffix(".json"))[-1]
    model = re.search(r"/(\d+)-\d+-\d+/", url)
    known = _definitions().get(name)
    if known is None or (model and model[1] != known[0]):
        return None
    return known[1]


def is_standard(facet: Any) -> bool:
    """Whether a facet names a standard schema."""
    return _schema_of(facet) is not None


def facet_breaks(facet: Any) -> bool:
    """Whether a facet breaks the standard schema that its own URL names."""
    schema = _schema_of(facet)
    return schema is not None and not schema.is_valid(facet)


def facets_of(event: Any) -> Iterator[tuple[str, Any]]:
    """Every facet of an event with its JSON pointer."""
    places = [("/run", event.get("run")), ("/job", event.get("job"))]
    places.append(("/dataset", event.get("dataset")))
    for side in ("inputs", "outputs"):
        items = event.get(side)
        places += [
            (f"/{side}/{number}", one)
            for number, one in enumerate(items if isinstance(items, list) else [])
        ]
    for at, part in places:
        for member in ("facets", "inputFacets", "outputFacets"):
            held = part.get(member) if isinstance(part, dict) else None
            for name, facet in held.items() if isinstance(held, dict) else ():
                yield f"{at}/{member}/{name}", facet
