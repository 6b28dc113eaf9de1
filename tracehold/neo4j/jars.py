"""The jars of Neo4j and our small main class, resolved by Maven once and remembered.

Nothing is copied: the class path names the jars in Maven's own repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

from lineage.errors import Unavailable

__all__ = ["class_path", "default_cache"]

_MAVEN_DEADLINE_SECONDS = 900
_COMPILER_DEADLINE_SECONDS = 120
_MAVEN_ADVICE = (
    "install Maven (Debian, Ubuntu: apt install maven; macOS: brew install maven), or run a Neo4j"
    " of your own and set graph.url"
)


def default_cache() -> Path:
    """Where class path and compiled class are kept between starts.

    ``TRACEHOLD_NEO4J_CACHE``, or else ``tracehold/neo4j`` in the user's cache folder.
    """
    if chosen := os.environ.get("TRACEHOLD_NEO4J_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracehold" / "neo4j"


def class_path(java: Path, cache: Path) -> list[Path]:
    """Everything that ``java -cp`` needs to run ``Neo4jServer``; our class comes first.

    Args:
        java: The Java program, also used to compile.
        cache: A folder that may be emptied at any time.

    Raises:
        Unavailable: Maven is missing, cannot reach its repository, or the class does not compile.
    """
    package = files("tracehold.neo4j")
    with (
        as_file(package / "pom.xml") as pom,
        as_file(package / "Neo4jServer.java") as source,
    ):
        digest = hashlib.sha256(pom.read_bytes() + source.read_bytes()).hexdigest()[:16]
        folder = cache / digest
        jars = _remembered(folder)
        if jars is None:
            folder.mkdir(parents=True, exist_ok=True)
            _resolve(pom, folder)
            jars = _remembered(folder)
        if jars is None:
            raise Unavailable(
                "Maven named jars that are not there", where=str(folder), advice=_MAVEN_ADVICE
            )
        compilers = [jar for jar in jars if jar.name.startswith("ecj-")]
        runtime = [jar for jar in jars if jar not in compilers]
        classes = folder / "classes"
        if not (classes / "Neo4jServer.class").is_file():
            _compile(java, compilers, runtime, source, classes)
    return [classes, *runtime]


def _remembered(folder: Path) -> list[Path] | None:
    try:
        text = (folder / "classpath").read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    jars = [Path(part) for part in text.split(os.pathsep) if part]
    return jars if jars and all(jar.is_file() for jar in jars) else None


def _resolve(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(
            "Maven is not installed; it fetches Neo4j's jars", where="PATH", advice=_MAVEN_ADVICE
        )
    _run(
        [
            maven,
            "--quiet",
            "--batch-mode",
            f"--file={pom}",
            "dependency:build-classpath",
            "-DincludeScope=runtime",
            f"-Dmdep.outputFile={folder / 'classpath'}",
        ],
        what="Maven could not fetch Neo4j's jars",
        advice="check the network and Maven's settings, then start again",
        seconds=_MAVEN_DEADLINE_SECONDS,
    )


def _compile(
    java: Path, compilers: list[Path], runtime: list[Path], source: Path, target: Path
) -> None:
    _run(
        [
            str(java),
            "-cp",
            os.pathsep.join(map(str, compilers)),
            "org.eclipse.jdt.internal.compiler.batch.Main",
            "-source",
            "17",
            "-target",
            "17",
            "-nowarn",
            "-proc:none",
            "-cp",
            os.pathsep.join(map(str, runtime)),
            "-d",
            str(target),
            str(source),
        ],
        what="the start class of the local Neo4j does not compile",
        advice=f"remove {target.parent} and start again; if that does not help, report it",
        seconds=_COMPILER_DEADLINE_SECONDS,
    )


def _run(command: list[str], *, what: str, advice: str, seconds: int) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - Maven and Java with our own arguments
            command, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{what} within {seconds} s", where=command[0], advice=advice) from error
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        cause = next((line for line in lines if "ERROR" in line), "no message")
        raise Unavailable(what, where=cause.strip(), advice=advice)
