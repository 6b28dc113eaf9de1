"""The page on the command line says what the command line says."""

from __future__ import annotations

import re

from cli_page import PAGE, commands, renewed

from lineage.errors import TraceholdError


def test_the_page_is_what_the_commands_say_of_themselves() -> None:
    page = PAGE.read_text("utf-8")
    advice = "PYTHONPATH=tests/support .venv/bin/python tests/support/cli_page.py"
    assert page == renewed(page), f"renew it: {advice}"


def test_every_command_explains_itself_and_its_options() -> None:
    found = list(commands())
    assert len(found) > 20
    silent = [
        f"{words} {parameter.name}"
        for words, command in found
        for parameter in (command, *command.params)
        if not (getattr(parameter, "help", None) or "").strip()
    ]
    assert not silent


def test_every_exit_code_is_on_the_page() -> None:
    def codes(kind: type[TraceholdError]) -> set[int]:
        return {kind.exit_code}.union(*(codes(child) for child in kind.__subclasses__()))

    listed = {
        int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    }
    assert listed == codes(TraceholdError) | {0}
