"""Settings: one frozen tree, read once from ``tracehold.toml`` and the environment.

Every setting can be overridden by ``TRACEHOLD_<SECTION>_<KEY>`` (``TRACEHOLD_GRAPH_URL``). Secrets
never stand in the file: the graph's password comes from ``graph.password_file`` or from
``TRACEHOLD_GRAPH_PASSWORD``, and no ``repr`` shows it.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from lineage.errors import InvalidInput, NotFound, Unavailable
from lineage.graph.port import Limits
from lineage.state.standing import Ages
from tracehold.settings_file import Reader, environment_name

__all__ = [
    "FILE",
    "SECTIONS",
    "UNFINISHED",
    "AccessSettings",
    "ClockSettings",
    "GraphSettings",
    "LimitSettings",
    "RunSettings",
    "ServerSettings",
    "Settings",
    "StorageSettings",
    "WorkspaceSettings",
    "environment_name",
    "find_workspace",
    "load",
    "local_graph_home",
    "refuse_unfinished",
]

FILE: Final = "tracehold.toml"
UNFINISHED: Final = ".tracehold-init"
"""There from the first step of ``init`` to its last."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOUR: Final = 3_600_000
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

    url: str = _setting(
        "",
        "`bolt://` or `neo4j://` address; empty: that of `tracehold graph neo4j` while it runs, "
        "else the embedded graph.",
    )
    user: str = _setting("neo4j", "User of the graph.")
    password_file: Path | None = field(
        default=None, metadata={"doc": "File (mode 0600) with the user's password."}
    )
    deadline_seconds: float = _setting(10.0, "Longest that one call to the graph may take.")
    answer_seconds: float = _setting(
        3.0, "Longest that a question waits for the graph; then SQL answers it."
    )
    max_lag_facts: int = _setting(
        0, "Facts that the graph may be behind and still answer; the answer says how many."
    )
    max_lag_seconds: float = _setting(
        5.0, "Seconds that it may be behind so; beyond either limit SQL answers."
    )
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
    trace_edges: int = _setting(200_000, "Edges that a trace looks at.")
    trace_bytes: int = _setting(16_777_216, "Bytes of one page of a trace, as JSON, roughly.")
    trace_seconds: float = _setting(5.0, "Seconds of a trace.")

    def walk(self, depth: int | None = None) -> Limits:
        """The limits of one walk, with the depth asked for where one was."""
        asked = self.trace_depth if depth is None else min(depth, self.trace_depth)
        return Limits(asked, self.trace_nodes, self.trace_seconds, self.trace_edges)


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """``[access]``: what people see who neither judge nor audit; a grant opens more."""

    open: tuple[str, ...] = _setting(
        ("*",), "Namespaces that everybody who may ask sees; `*` stands for anything."
    )
    guarded: tuple[str, ...] = _setting(
        ("special", "restricted"),
        "Classes of sensitivity that need a grant: `personal`, `special`, `restricted`.",
    )


@dataclass(frozen=True, slots=True)
class RunSettings:
    """``[runs]``: how long nothing may be heard of a run that has not ended; then it is `STALE`."""

    stale_hours: float = _setting(24.0, "Hours of silence of a run; 0: for as long as it likes.")
    stream_stale_hours: float = _setting(
        168.0, "The same for a run whose `jobType` says STREAMING or SERVICE."
    )

    @property
    def ages(self) -> Ages:
        """The same in milliseconds."""
        return Ages(self.stale_hours * _HOUR, self.stream_stale_hours * _HOUR)


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
    access: AccessSettings = AccessSettings()
    runs: RunSettings = RunSettings()

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
    "access": AccessSettings,
    "runs": RunSettings,
}


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
    read = Reader(path, text.splitlines(), values)
    for name in tree:
        if name not in SECTIONS:
            read.refuse_unknown("section", name, name, SECTIONS)
    made = {name: read.section(name, kind, tree.get(name, {})) for name, kind in SECTIONS.items()}
    return _checked(Settings(folder=folder, **made), read)


def _checked(settings: Settings, read: Reader) -> Settings:
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
        ("limits", "trace_edges", settings.limits.trace_edges),
        ("limits", "trace_bytes", settings.limits.trace_bytes),
        ("limits", "trace_seconds", settings.limits.trace_seconds),
        ("graph", "deadline_seconds", settings.graph.deadline_seconds),
        ("graph", "answer_seconds", settings.graph.answer_seconds),
    ):
        if not number > 0:
            raise InvalidInput(f"{section}.{key} must be positive", where=read.where(section, key))
    _check_classes(settings.access.guarded, read)
    for section, key, allowed in (
        ("graph", "max_lag_facts", settings.graph.max_lag_facts),
        ("graph", "max_lag_seconds", settings.graph.max_lag_seconds),
        ("runs", "stale_hours", settings.runs.stale_hours),
        ("runs", "stream_stale_hours", settings.runs.stream_stale_hours),
    ):
        if not allowed >= 0:
            raise InvalidInput(f"{section}.{key} is negative", where=read.where(section, key))
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
    graph = replace(graph, password_file=secret_file, password=password)
    return Settings(
        folder=settings.folder,
        workspace=settings.workspace,
        storage=StorageSettings(**folders),
        server=server,
        graph=graph if graph.url else _local_graph(graph, folders["data"]),
        clock=settings.clock,
        limits=settings.limits,
        access=settings.access,
        runs=settings.runs,
    )


def _check_classes(guarded: tuple[str, ...], read: Reader) -> None:
    from privacy.sensitivity import CLASSES  # late: help needs none of it

    strange = sorted({*guarded} - {*CLASSES})
    if strange:
        raise InvalidInput(
            f"there is no class of sensitivity {strange[0]!r}",
            where=read.where("access", "guarded"),
            advice=f"classes: {', '.join(CLASSES)}",
        )


def _local_graph(graph: GraphSettings, data: Path) -> GraphSettings:
    """The Neo4j that ``tracehold graph neo4j`` runs in this workspace, if it runs."""
    home = local_graph_home(data)
    if not home.is_dir():
        return graph
    from tracehold.neo4j.launcher import status

    running = status(home)
    if running is None:
        return graph
    return replace(graph, url=running.url, user=running.user, password=running.password)


def local_graph_home(data: Path) -> Path:
    """Where a workspace keeps its Neo4j for trying out."""
    return data / "neo4j"


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


def refuse_unfinished(folder: Path) -> None:
    """Refuse to work in a workspace whose ``init`` was cut off: nothing was ever kept in it.

    Raises:
        Unavailable: It was.
    """
    if (folder / UNFINISHED).exists():
        raise Unavailable(
            "the workspace is not finished: init was cut off",
            where=str(folder),
            advice="run `tracehold init` again; it begins anew",
        )
