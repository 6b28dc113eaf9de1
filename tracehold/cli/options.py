"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["As", "AsOf", "DryRun", "JsonOut", "KnownAt", "Ref", "Where"]

JsonOut = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]
Where = Annotated[
    Path | None,
    typer.Option("--workspace", help="Workspace; without it, the nearest tracehold.toml above."),
]
As = Annotated[str, typer.Option("--as", help="Who acts: a person whose token this machine keeps.")]
AsOf = Annotated[str, typer.Option("--as-of", help="As it was at this moment (ISO 8601).")]
KnownAt = Annotated[
    str, typer.Option("--known-at", help="As it was known at this fact (a number) or moment.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]
Ref = Annotated[str, typer.Argument(help="KIND:[NAMESPACE]NAME, or an unambiguous short name.")]
