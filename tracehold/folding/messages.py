"""What a server and the process that folds for it say to each other, one line of JSON each."""

from __future__ import annotations

import sqlite3

import msgspec

from lineage.errors import Fault, TraceholdError, error_kinds
from tracehold.faults import describe, summary

__all__ = ["Ask", "Begin", "Done", "Trouble"]

_SQLITE = "sqlite"


class Begin(msgspec.Struct, frozen=True):
    """The first line: which workspace.

    Attributes:
        data: Its data folder.
        keys: Its keys folder.
        origin: The origin of its journal.
    """

    data: str
    keys: str
    origin: str


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A later line: fold everything that is durable now.

    Attributes:
        before: Take note of facts that hold at this moment or before it; see ``Late.watch``.
        forget: Do not fold, but forget what was dropped at this position or before.
    """

    before: int | None = None
    forget: int | None = None


class Trouble(msgspec.Struct, frozen=True):
    """An error, without a text that could quote a value.

    Attributes:
        kind: Code of a ``TraceholdError``, or ``sqlite``.
        what: What is wrong; of an error of SQLite its symbolic name.
        where: As in ``TraceholdError``.
        advice: As in ``TraceholdError``.
        stack: Where it came from; empty for an error that was raised on purpose.
    """

    kind: str
    what: str
    where: str = ""
    advice: str = ""
    stack: str = ""

    @classmethod
    def of(cls, error: Exception) -> Trouble:
        """What to say of an error."""
        if isinstance(error, TraceholdError):
            return cls(error.code, error.what, error.where, error.advice)
        if isinstance(error, sqlite3.Error):
            return cls(_SQLITE, getattr(error, "sqlite_errorname", ""), stack=describe(error))
        return cls(
            Fault.code, f"the fold met a fault of ours: {summary(error)}", stack=describe(error)
        )

    def error(self) -> Exception:
        """The error as it would have been raised here."""
        if self.kind == _SQLITE:
            error = sqlite3.OperationalError(self.what)
            error.sqlite_errorname = self.what
            return error
        return error_kinds().get(self.kind, Fault)(self.what, where=self.where, advice=self.advice)


class Done(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to every line.

    Attributes:
        position: Where the state stands.
        folded: Facts folded by this step.
        erased_inside: See ``Folder.erased_inside``.
        late: What came late; see ``Late.take``.
        natives: See ``Late.natives``: those since the answer before.
        forgotten: How many tombstones went.
        trouble: Why it was not done.
    """

    position: int = 0
    folded: int = 0
    erased_inside: bool = False
    late: list[str] = []
    natives: int = 0
    forgotten: int = 0
    trouble: Trouble | None = None
