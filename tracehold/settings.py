"""Settings: one frozen tree, read once from ``tracehold.toml`` and the environment.

Every setting can be overridden by ``TRACEHOLD_<SECTION>_<KEY>`` (``TRACEHOLD_GRAPH_URL``). Secrets
never stand in the file: the graph's password comes from ``graph.password_file`` or from
``TRACEHOLD_GRAPH_PASSWORD``, and no ``repr`` shows it.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from lineage.clock import parse_millis
from lineage.errors import InvalidInput, NotFound, Unavailable
from lineage.graph.port import Limits

__all__ = [
    "FILE",
    "SECTIONS",
    "ClockSettings",
    "GraphSettings",
    "LimitSettings",
    "ServerSettings",
    "Settings",
    "StorageSettings",
    "WorkspaceSettings",
    "environment_name",
    "find_workspace",
    "load",
]

FILE: Final = "tracehold.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def _setting(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """``[workspace]``: what this workspace is called and who acts in it by default."""

    name: str = _setting(
        "", "Name: namespace of governed datasets and jobs. Letters, digits, `.`, `_`, `-`."
    )
    person: str = _setting("admin", "Whose token the command line uses where `--as` is not given.")


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """``[storage]``: folders, relative to ``tracehold.toml``."""

    data: Path = field(
        default=Path(".tracehold"), metadata={"doc": "Journal, state, server record, logs."}
    )
    keys: Path = field(
        default=Path(".tracehold-keys"), metadata={"doc": "Keys and tokens; never inside `data`."}
    )
    root: Path = field(
        default=Path("data"), metadata={"doc": "Governed copies. Nothing outside is ever deleted."}
    )
    sources: Path = field(
        default=Path("sources"), metadata={"doc": "Where local source files are read from."}
    )
    models: Path = field(default=Path("models"), metadata={"doc": "Trained models."})


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``[server]``: where the server listens and what it accepts."""

    host: str = _setting("127.0.0.1", "Address to bind. Anything but loopback needs `exposed`.")
    port: int = _setting(5005, "Port to bind; 0 picks a free one.")
    exposed: bool = _setting(False, "Allow a `host` that is not loopback (put TLS before it).")
    allowed_hosts: tuple[str, ...] = _setting(
        (), "Further `Host` names answered, against DNS rebinding."
    )
    max_event_bytes: int = _setting(32 * 1024 * 1024, "Largest event, in bytes, unpacked.")


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """``[graph]``: the Neo4j that mirrors the state; without ``url`` SQL answers alone."""

    url: str = _setting("", "`bolt://` or `neo4j://` address; empty: the embedded graph.")
    user: str = _setting("neo4j", "User of the graph.")
    password_file: Path | None = field(
        default=None, metadata={"doc": "File (mode 0600) with the user's password."}
    )
    deadline_seconds: float = _setting(10.0, "Longest that one call to the graph may take.")
    password: str = field(default="", repr=False, metadata={"secret": True})


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """``[clock]``: what time judgements take it to be."""

    judgement_now: int | None = field(
        default=None,
        metadata={
            "doc": "ISO 8601 moment used as *now* by retention judgements; for demos and tests.",
            "moment": True,
        },
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """``[limits]``: what one answer may cost; a limit that is met makes the answer incomplete."""

    trace_depth: int = _setting(64, "Edges from the start of a trace.")
    trace_nodes: int = _setting(10_000, "Nodes of a trace.")
    trace_seconds: float = _setting(5.0, "Seconds of a trace.")

    def walk(self, depth: int | None = None) -> Limits:
        """The limits of one walk, with the depth asked for where one was."""
        asked = self.trace_depth if depth is None else min(depth, self.trace_depth)
        return Limits(depth=asked, nodes=self.trace_nodes, seconds=self.trace_seconds)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    Attributes:
        folder: The folder that holds ``tracehold.toml``.
    """

    folder: Path
    workspace: WorkspaceSettings
    storage: StorageSettings
    server: ServerSettings
    graph: GraphSettings
    clock: ClockSettings
    limits: LimitSettings

    @property
    def origin(self) -> str:
        """Origin of the journal's checkpoints (C2SP tlog-checkpoint: a schema-less URL)."""
        return f"tracehold.local/{self.workspace.name}"

    @property
    def manifests(self) -> Path:
        """The folder of the manifests, always this one."""
        return self.folder / "manifests"

    @property
    def tokens(self) -> Path:
        """The folder of tokens, one file per person, inside the keys folder."""
        return self.storage.keys / "tokens"


SECTIONS: Final[Mapping[str, type[Any]]] = {
    "workspace": WorkspaceSettings,
    "storage": StorageSettings,
    "server": ServerSettings,
    "graph": GraphSettings,
    "clock": ClockSettings,
    "limits": LimitSettings,
}


def environment_name(section: str, key: str) -> str:
    """The environment variable that overrides a setting."""
    return f"TRACEHOLD_{section}_{key}".upper()


def find_workspace(start: Path) -> Path:
    """The nearest folder, from ``start`` upwards, that holds ``tracehold.toml``.

    Raises:
        NotFound: There is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFound(
        "this is not a Tracehold workspace",
        where=str(start),
        advice="run `tracehold init`, or name one with --workspace",
    )


def load(start: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of the workspace that ``start`` lies in.

    Args:
        start: A folder of the workspace.
        environ: Overrides; the process's environment where None.

    Raises:
        NotFound: ``start`` lies in no workspace.
        InvalidInput: A section or key is unknown or a value has the wrong form; the error names
            file and line, and the nearest known key.
        Unavailable: The file or the password file cannot be read, or others can read the latter.
    """
    folder = find_workspace(start)
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(
            f"the settings are not TOML: {error}", where=str(path), advice="mend that line"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"the settings cannot be read ({type(error).__name__})", where=str(path)
        ) from None
    values = os.environ if environ is None else environ
    read = _Reader(path, text.splitlines(), values)
    for name in tree:
        if name not in SECTIONS:
            read.refuse_unknown("section", name, name, SECTIONS)
    made = {name: read.section(name, kind, tree.get(name, {})) for name, kind in SECTIONS.items()}
    return _checked(Settings(folder=folder, **made), read)


class _Reader:
    """Reads sections, and knows on which line a key stands."""

    def __init__(self, path: Path, lines: list[str], environ: Mapping[str, str]) -> None:
        self.path = path
        self.lines = lines
        self.environ = environ

    def where(self, section: str, key: str = "") -> str:
        variable = environment_name(section, key)
        if key and variable in self.environ:
            return f"environment variable {variable}"
        inside = False
        for number, line in enumerate(self.lines, 1):
            head = line.split("#", 1)[0].strip()
            if head.startswith("["):
                inside = head.strip("[] ") == section
                if inside and not key:
                    return f"{self.path}:{number}"
            elif key and inside and head.partition("=")[0].strip().strip("\"'") == key:
                return f"{self.path}:{number}"
        return str(self.path)

    def refuse_unknown(
        self, what: str, shown: str, word: str, known: Mapping[str, object], where: str = ""
    ) -> None:
        close = difflib.get_close_matches(word, known, n=1)
        raise InvalidInput(
            f"unknown {what} {shown!r}",
            where=where or self.where(word),
            advice=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}",
        )

    def section(self, name: str, kind: type[Any], tree: object) -> Any:
        if not isinstance(tree, dict):
            raise InvalidInput(
                f"{name} is not a section", where=str(self.path), advice=f"write [{name}]"
            )
        known = {f.name: f for f in fields(kind) if not f.metadata.get("secret")}
        for key in tree:
            if key not in known:
                self.refuse_unknown("setting", f"{name}.{key}", key, known, self.where(name, key))
        prefix = environment_name(name, "")
        secret = {f.name.upper() for f in fields(kind) if f.metadata.get("secret")}
        for variable in self.environ:
            rest = variable.removeprefix(prefix)
            if rest != variable and rest not in secret and rest.lower() not in known:
                self.refuse_unknown("setting", variable, rest.lower(), known, "environment")
        values: dict[str, Any] = {}
        for key, spec in known.items():
            override = self.environ.get(environment_name(name, key))
            given = override if override is not None else tree.get(key, MISSING)
            if given is not MISSING:
                values[key] = self.value(name, spec, given, from_text=override is not None)
        for spec in fields(kind):
            if spec.metadata.get("secret"):
                values[spec.name] = self.environ.get(environment_name(name, spec.name), "")
        return kind(**values)

    def value(self, section: str, spec: Field[Any], given: Any, *, from_text: bool) -> Any:
        wanted = str(spec.type)
        try:
            if spec.metadata.get("moment"):
                text = str(given.isoformat() if hasattr(given, "isoformat") else given)
                return parse_millis(text) if text else None
            return _convert(wanted, given, from_text=from_text)
        except (ValueError, OverflowError):
            kind = "an ISO 8601 moment" if spec.metadata.get("moment") else _FORMS[wanted]
            raise InvalidInput(
                f"{section}.{spec.name} is not {kind}", where=self.where(section, spec.name),
                advice=str(spec.metadata.get("doc", "")),
            ) from None  # fmt: skip


_FORMS: Final[Mapping[str, str]] = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "Path": "a path",
    "Path | None": "a path",
    "tuple[str, ...]": "a list of texts",
}


def _convert(wanted: str, given: Any, *, from_text: bool) -> Any:
    """A value as the type ``wanted``. Raises ``ValueError``."""
    match wanted:
        case "bool" if from_text and given.lower() in ("true", "false", "1", "0"):
            return given.lower() in ("true", "1")
        case "bool" if isinstance(given, bool):
            return given
        case "int" if from_text or (isinstance(given, int) and not isinstance(given, bool)):
            return int(given)
        case "float" if from_text or (
            isinstance(given, (int, float)) and not isinstance(given, bool)
        ):
            return float(given)
        case "str" if isinstance(given, str):
            return given
        case "Path" | "Path | None" if isinstance(given, str) and given and "\0" not in given:
            return Path(given)
        case "tuple[str, ...]" if from_text:
            return tuple(part.strip() for part in given.split(",") if part.strip())
        case "tuple[str, ...]" if isinstance(given, list) and all(
            isinstance(part, str) for part in given
        ):
            return tuple(given)
        case _:
            raise ValueError(wanted)


def _checked(settings: Settings, read: _Reader) -> Settings:
    """The settings with absolute folders and the password read."""
    if not _NAME.fullmatch(settings.workspace.name):
        raise InvalidInput(
            "the workspace has no usable name",
            where=read.where("workspace", "name"),
            advice="set workspace.name: letters, digits, '.', '_' and '-', at most 63",
        )
    server = settings.server
    if server.host not in _LOOPBACK and not server.exposed:
        raise InvalidInput(
            "the server would listen beyond this machine",
            where=read.where("server", "host"),
            advice="set server.exposed = true if that is meant, with TLS in front of it",
        )
    if not 0 <= server.port <= 65_535:
        raise InvalidInput("server.port is no port", where=read.where("server", "port"))
    for section, key, number in (
        ("server", "max_event_bytes", server.max_event_bytes),
        ("limits", "trace_depth", settings.limits.trace_depth),
        ("limits", "trace_nodes", settings.limits.trace_nodes),
        ("limits", "trace_seconds", settings.limits.trace_seconds),
        ("graph", "deadline_seconds", settings.graph.deadline_seconds),
    ):
        if not number > 0:
            raise InvalidInput(f"{section}.{key} must be positive", where=read.where(section, key))
    folders = {
        f.name: (settings.folder / getattr(settings.storage, f.name)).absolute()
        for f in fields(StorageSettings)
    }
    graph = settings.graph
    password = graph.password
    secret_file = None
    if graph.password_file is not None:
        secret_file = settings.folder / graph.password_file.expanduser()
        password = password or _secret(secret_file)
    return Settings(
        folder=settings.folder,
        workspace=settings.workspace,
        storage=StorageSettings(**folders),
        server=server,
        graph=GraphSettings(
            url=graph.url,
            user=graph.user,
            password_file=secret_file,
            deadline_seconds=graph.deadline_seconds,
            password=password,
        ),
        clock=settings.clock,
        limits=settings.limits,
    )


def _secret(path: Path) -> str:
    try:
        if os.name != "nt" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Unavailable(
                "others on this machine can read the password",
                where=str(path),
                advice=f"chmod 600 {path}",
            )
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"the password file cannot be read ({type(error).__name__})", where=str(path)
        ) from None
