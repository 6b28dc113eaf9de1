"""Training: a small, deterministic model, written down as JSON.

The artifact is JSON and no pickle: it can be read without running what it contains, and the same
training set gives the same bytes. Tracehold hashes and registers artifacts and never loads one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Trained", "fingerprint", "train"]

_CATEGORIES = 40
_TEST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model.

    Attributes:
        artifact: JSON bytes.
        metrics: ``roc_auc`` and ``accuracy`` on the quarter of the rows kept out of training.
        rows: How many rows it was trained on.
        framework: Library and version.
        code_sha256: Fingerprint of the code that trained it.
        params_sha256: Fingerprint of target, features, algorithm and seed.
    """

    artifact: bytes
    metrics: Mapping[str, float]
    rows: int
    framework: str
    code_sha256: str
    params_sha256: str


def fingerprint(parameters: Mapping[str, Any]) -> str:
    """SHA-256 of parameters, whatever the order in which they are written."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


def train(table: pa.Table, *, target: str, features: Sequence[str], seed: int = 0) -> Trained:
    """Fit a logistic regression of a two-valued target.

    Numbers are imputed by the mean and scaled, text becomes one column per frequent category.

    Args:
        table: The training set.
        target: Column with two values.
        features: Columns to learn from.
        seed: Of the split into training and test rows.

    Raises:
        InvalidInput: A column is missing, or the target has not exactly two values.
    """
    import sklearn
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, roc_auc_score
    from sklearn.model_selection import train_test_split

    missing = [name for name in (target, *features) if name not in table.column_names]
    if missing:
        raise InvalidInput(
            f"the training set has no column {', '.join(missing)}",
            where="model features",
            advice="correct target and features in the model's manifest",
        )
    table = table.filter(table.column(target).is_valid())
    labels = table.column(target).to_numpy()
    if len(set(labels.tolist())) != 2:
        raise InvalidInput("the target has not exactly two values", where=target)
    matrix, encoding = _encode(table, features)
    fit_x, test_x, fit_y, test_y = train_test_split(
        matrix, labels, test_size=_TEST_SHARE, random_state=seed, stratify=labels
    )
    model = LogisticRegression(max_iter=300).fit(fit_x, fit_y)
    probability = model.predict_proba(test_x)[:, 1]
    parameters = {"target": target, "features": list(features), "seed": seed}
    artifact = {
        "format": "tracehold/logistic-regression/1",
        "classes": model.classes_.tolist(),
        "coefficients": [round(float(one), 10) for one in model.coef_[0]],
        "intercept": round(float(model.intercept_[0]), 10),
        "encoding": encoding,
        "parameters": parameters,
    }
    return Trained(
        artifact=json.dumps(artifact, indent=1, sort_keys=True).encode(),
        metrics={
            "roc_auc": round(float(roc_auc_score(test_y, probability)), 4),
            "accuracy": round(float(accuracy_score(test_y, model.predict(test_x))), 4),
        },
        rows=len(fit_y),
        framework=f"scikit-learn {sklearn.__version__}",
        code_sha256=hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        params_sha256=fingerprint(parameters),
    )


def _encode(
    table: pa.Table, features: Sequence[str]
) -> tuple[np.ndarray[Any, Any], list[dict[str, Any]]]:
    import numpy as np
    import pyarrow as pa

    columns: list[np.ndarray[Any, Any]] = []
    encoding: list[dict[str, Any]] = []
    for name in features:
        column = table.column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            made, how = _categories(name, column)
        else:
            made, how = _number(name, column)
        columns += made
        encoding.append(how)
    return np.column_stack(columns), encoding


def _number(name: str, column: Any) -> tuple[list[np.ndarray[Any, Any]], dict[str, Any]]:
    import numpy as np

    values = column.cast("float64").to_numpy()
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else 0.0
    spread = float(known.std()) if len(known) else 1.0
    filled = np.where(np.isnan(values), mean, values)
    how = {"column": name, "kind": "number", "mean": round(mean, 10), "spread": round(spread, 10)}
    return [(filled - mean) / (spread or 1.0)], how


def _categories(name: str, column: Any) -> tuple[list[np.ndarray[Any, Any]], dict[str, Any]]:
    import numpy as np

    values = np.array(column.fill_null("").to_pylist(), dtype=object)
    names, counts = np.unique(values, return_counts=True)
    # The most frequent ones; ties in alphabetical order, so that the same data gives the same.
    ranked = sorted(zip(-counts, names, strict=True))[:_CATEGORIES]
    frequent = sorted(str(value) for _, value in ranked)
    how = {"column": name, "kind": "category", "values": frequent}
    return [(values == value).astype(float) for value in frequent], how
