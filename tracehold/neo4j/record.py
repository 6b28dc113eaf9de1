"""What a local Neo4j's folder remembers of it: address, user, password, process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from lineage.errors import Unavailable

__all__ = ["LocalNeo4j", "read", "write"]

RECORD = "server.json"


@dataclass(frozen=True, slots=True)
class LocalNeo4j:
    """A local Neo4j: how to reach it, and its process.

    Attributes:
        url: Bolt address, on loopback.
        user: The one user that community edition starts with.
        password: Its password; keep it out of logs.
        pid: Process id of the Java process.
        home: The folder it lives in.
    """

    url: str
    user: str
    password: str
    pid: int
    home: Path

    @property
    def password_file(self) -> Path:
        """The file, readable by its owner alone, that holds address and password."""
        return self.home / RECORD

    def __repr__(self) -> str:
        return f"LocalNeo4j(url={self.url!r}, pid={self.pid}, home={str(self.home)!r})"


def read(home: Path) -> LocalNeo4j | None:
    """What the folder says of its server, running or not; none before the first start.

    Raises:
        Unavailable: The file is damaged.
    """
    try:
        record = json.loads((home / RECORD).read_text("utf-8"))
        return LocalNeo4j(
            url=str(record["url"]),
            user=str(record["user"]),
            password=str(record["password"]),
            pid=int(record["pid"]),
            home=home,
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            "the record of the local Neo4j cannot be read",
            where=str(home / RECORD),
            advice="remove the folder and start again; the mirror is filled again",
        ) from error


def write(server: LocalNeo4j) -> None:
    """Keep it in its folder, readable by the owner alone."""
    record = {
        "url": server.url,
        "user": server.user,
        "password": server.password,
        "pid": server.pid,
    }
    target = server.home / RECORD
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(record, file)
    fresh.replace(target)
