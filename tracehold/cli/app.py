"""The command tree. Importing it imports no part of the product but the errors."""

from __future__ import annotations

from typing import Annotated

import typer

import tracehold
from tracehold.cli import (
    alias,
    backup,
    estate,
    events,
    governance,
    grant,
    graph,
    impact,
    imports,
    proof,
    refolding,
    relay,
    retention,
    search,
    server,
    skew,
    user,
    workspace,
)

__all__ = ["app"]

app = typer.Typer(
    name="tracehold",
    help="Trace data from source to model, hold it to its terms, prove its deletion.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tracehold {tracehold.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Trace data from source to model, hold it to its terms, prove its deletion."""


for module in (workspace, server, estate, impact, skew, search, events, backup, relay):
    module.register(app)
refolding.register(proof.journal)
for name, group in (
    ("alias", alias.alias),
    ("pii", governance.pii),
    ("license", governance.license_),
    ("waiver", governance.waiver),
    ("hold", governance.hold),
    ("retention", retention.retention),
    ("certificate", retention.certificate),
    ("evidence", proof.evidence),
    ("journal", proof.journal),
    ("graph", graph.graph),
    ("user", user.user),
    ("grant", grant.grant),
    ("import", imports.imports),
):
    app.add_typer(group, name=name)
