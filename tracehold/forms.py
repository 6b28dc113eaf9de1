"""The structures of this process, made ready before threads use them."""

from __future__ import annotations

import msgspec

__all__ = ["prepare_forms"]


def prepare_forms() -> int:
    """Let msgspec resolve the fields of every structure that is known here; how many there are.

    It does so when one is first decoded, and two threads that do that at once end the process
    (a read through a null pointer, msgspec 0.22). So a process that is about to start threads
    calls this first, with everything imported that they decode.
    """
    forms: list[type[msgspec.Struct]] = [msgspec.Struct]
    for form in forms:
        forms += form.__subclasses__()
    known = {*forms[1:]}
    for form in known:
        msgspec.json.Decoder(form)
    return len(known)
