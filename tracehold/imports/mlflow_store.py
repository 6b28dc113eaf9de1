"""Where MLflow keeps its runs: a folder of files (``mlruns``), or a server with a REST API.

Both are brought into the form of the REST API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.mlflow import Tracking
from tracehold.imports.values import members, parts, text
from tracehold.imports.web import Web

__all__ = ["from_files", "from_server"]

_META: Final = "meta.yaml"
_NO_EXPERIMENTS: Final = frozenset({"models", ".trash"})
_API: Final = "api/2.0/mlflow"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LARGE: Final = 16 << 20


def from_files(root: Path) -> Tracking:
    """The tracking of a folder of files.

    Raises:
        InvalidInput: The folder holds no experiments.
        NotThisFormat: A file of it is damaged.
    """
    found = {
        folder: _meta(folder)
        for folder in sorted(root.iterdir() if root.is_dir() else ())
        if folder.name not in _NO_EXPERIMENTS and (folder / _META).is_file()
    }
    if not found:
        raise InvalidInput(
            "the folder holds no experiments of MLflow",
            where=str(root),
            advice="give the folder mlruns, or the address of the tracking server",
        )
    experiments = {
        str(meta.get("experiment_id", folder.name)): str(meta.get("name", folder.name))
        for folder, meta in found.items()
    }
    models = root / "models"
    versions = [
        _version(meta.parent)
        for meta in sorted(models.glob(f"*/version-*/{_META}") if models.is_dir() else ())
    ]
    return Tracking(experiments, _runs(list(found)), versions)


def _runs(experiments: list[Path]) -> Iterator[Mapping[str, Json]]:
    for experiment in experiments:
        datasets = {
            meta.parent.name: _meta(meta.parent) for meta in experiment.glob("datasets/*/meta.yaml")
        }
        for meta in sorted(experiment.glob(f"*/{_META}")):
            if meta.parent.name != "datasets":
                yield _run(meta.parent, datasets)


def _run(folder: Path, datasets: Mapping[str, Mapping[str, Json]]) -> Mapping[str, Json]:
    inputs = []
    for meta in sorted(folder.glob(f"inputs/*/{_META}")):
        said = _meta(meta.parent)
        dataset = datasets.get(str(said.get("source_id")))
        if dataset is not None:
            pairs = members(said.get("tags")).items()
            listed = [{"key": str(key), "value": str(value)} for key, value in pairs]
            inputs.append({"tags": listed, "dataset": dataset})
    return {
        "info": _meta(folder),
        "data": {
            "params": _values(folder / "params"),
            "tags": _values(folder / "tags"),
            "metrics": _metrics(folder / "metrics"),
        },
        "inputs": {"dataset_inputs": inputs},
        "outputs": {"model_outputs": [{} for _ in folder.glob(f"outputs/*/{_META}")]},
    }


def _version(folder: Path) -> Mapping[str, Json]:
    return {**_meta(folder), "tags": _values(folder / "tags")}


def _values(folder: Path) -> list[dict[str, str]]:
    """One file per key; a key may hold slashes."""
    return [
        {"key": path.relative_to(folder).as_posix(), "value": _content(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def _metrics(folder: Path) -> list[dict[str, str]]:
    """The last line of each metric: time, value, step."""
    made = []
    for pair in _values(folder):
        words = pair["value"].strip().rpartition("\n")[2].split()
        if len(words) >= 2:
            made.append({"key": pair["key"], "value": words[1]})
    return made


def _meta(folder: Path) -> Mapping[str, Json]:
    path = folder / _META
    try:
        meta = yaml.load(_content(path), _LOADER)  # noqa: S506 - a safe loader, the fast one
    except (yaml.YAMLError, RecursionError):
        raise NotThisFormat("the file is no YAML", where=str(path)) from None
    if not isinstance(meta, dict):
        raise NotThisFormat("the file describes nothing", where=str(path))
    return meta


def _content(path: Path) -> str:
    if path.stat().st_size > _LARGE:
        raise NotThisFormat("the file is too large for what it is", where=str(path))
    return path.read_text(encoding="utf-8", errors="replace")


def from_server(web: Web) -> Tracking:
    """The tracking of a server.

    Raises:
        NotReachable: It does not answer.
    """
    experiments = {
        str(one.get("experiment_id")): str(one.get("name"))
        for one in _pages(web, "experiments/search", "experiments", {"view_type": "ALL"})
    }
    versions = list(_listed(web, "model-versions/search", "model_versions"))
    return Tracking(experiments, _searched(web, list(experiments)), versions)


def _searched(web: Web, experiments: list[str]) -> Iterator[Mapping[str, Json]]:
    for experiment in experiments:
        body = {"experiment_ids": [experiment], "run_view_type": "ACTIVE_ONLY"}
        yield from _pages(web, "runs/search", "runs", body)


def _pages(
    web: Web, path: str, member: str, body: Mapping[str, Json]
) -> Iterator[Mapping[str, Json]]:
    token = ""
    while True:
        more = {"page_token": token} if token else {}
        page = web.post(f"{_API}/{path}", {**body, "max_results": 500, **more})
        yield from _found(page, member)
        token = text(members(page).get("next_page_token"))
        if not token:
            return


def _listed(web: Web, path: str, member: str) -> Iterator[Mapping[str, Json]]:
    token = ""
    while True:
        more = {"page_token": token} if token else {}
        page = web.get(f"{_API}/{path}", max_results=500, **more)
        yield from _found(page, member)
        token = text(members(page).get("next_page_token"))
        if not token:
            return


def _found(page: Json, member: str) -> list[Mapping[str, Json]]:
    return parts(members(page).get(member))
