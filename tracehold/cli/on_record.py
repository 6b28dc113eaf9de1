"""Who reads the workspace's own files and is told where personal data is stands on record.

What this account could record and does not is not told. An account that may read the files and not
write them can be told no less by a refusal: it is warned, visibly.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from lineage.errors import Conflict, TraceholdError, Unavailable
from lineage.facts import Json
from tracehold.cli.output import note
from tracehold.settings import Settings

__all__ = ["put_on_record"]

_PATIENCE_SECONDS: Final = 5.0


def put_on_record(
    settings: Settings, question: str, params: Mapping[str, Json], answer: Json
) -> None:
    """Record a read before its answer is printed, where it says where personal data is.

    Args:
        settings: Of the workspace.
        question: What was asked, by name.
        params: With which parameters.
        answer: As it will be printed.

    Raises:
        TraceholdError: It cannot be recorded by an account that can write the workspace.
    """
    from tracehold.access_log import about, is_personal

    if not is_personal(question, msgspec.json.encode(answer)):
        return
    read = {"question": question, "ref": about(params), "user": _account()}
    try:
        _record(settings, read)
    except TraceholdError as error:
        if os.access(settings.storage.data, os.W_OK):
            raise
        note(f"warning: this read of where personal data is is not on record: {error.what}")


def _record(settings: Settings, read: Mapping[str, str]) -> None:
    from tracehold.cli.here import token_of
    from tracehold.lock import find_server

    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        server = find_server(settings.storage.data)
        if server is not None:
            from tracehold.client import call

            call(server.url, token_of(settings, ""), "acts/read.note", body=read)
            return
        try:
            _append(settings, read)
        except Conflict:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _append(settings: Settings, read: Mapping[str, str]) -> None:
    from tracehold.access_log import FILES
    from tracehold.bootstrap import open_services
    from tracehold.cli.here import token_of

    if not os.access(settings.storage.data, os.W_OK):
        raise Unavailable("this account cannot write the workspace")
    with open_services(settings, write=True) as services:
        try:
            person = services.people.by_token(token_of(settings, "")).id
        except TraceholdError:
            person = FILES
        services.told(person, read["question"], read["ref"], read["user"])
        services.catch_up()


def _account() -> str:
    """The account, by what the system says and not by what the environment does."""
    try:
        import pwd
    except ImportError:
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
