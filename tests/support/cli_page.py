"""Write the commands of ``docs/reference/cli.md`` from the commands themselves.

``PYTHONPATH=tests/support .venv/bin/python tests/support/cli_page.py`` renews the page; a test
compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main

__all__ = ["PAGE", "commands", "renewed"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
BEGIN = "<!-- begin: written by tests/support/cli_page.py -->"
END = "<!-- end -->"
_EVERYWHERE = {"--workspace", "--json", "--help"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its words, in the order of the command line."""
    from tracehold.cli.app import app

    yield from _walk(typer.main.get_command(app), "tracehold")


def _walk(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        if child.hidden:
            continue
        if getattr(child, "commands", None):
            yield from _walk(child, f"{words} {name}")
        else:
            yield f"{words} {name}", child


def renewed(page: str) -> str:
    """The page with its generated part made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = "\n\n".join(_section(words, command) for words, command in commands())
    return f"{before}{BEGIN}\n\n{parts}\n\n{END}{after}"


def _section(words: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [
        one
        for one in command.params
        if one.param_type_name == "option" and not _EVERYWHERE & set(one.opts) and not one.hidden
    ]
    usage = " ".join([words, *map(_placeholder, arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"### {words}", "", f"    {usage}", "", _text(command.help)]
    rows = [(f"`{_placeholder(one)}`", _text(one.help)) for one in arguments]
    rows += [(f"`{_option(one)}`", _text(one.help)) for one in options]
    if rows:
        lines += ["", "| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
    return "\n".join(lines)


def _placeholder(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper().strip("[].")
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    kind = option.type_descriptor.annotation
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    value = r"\|".join(map(str, choices)) or option.name.upper()
    return f"{names} {value}"


def _text(help_text: str | None) -> str:
    return " ".join((help_text or "").split())


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
