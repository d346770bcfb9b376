"""How often the right class is among the first k, as a metric for `train`: metric=pipelines.train.top_k:TopK."""

from typing import Any

import numpy as np


class TopK:
    """Called with labels (N,) and probabilities (N, C)."""

    def __init__(self, k: int) -> None:
        """Look at the first k classes."""
        self._k = k

    def __call__(self, labels: np.ndarray[Any, Any], probabilities: np.ndarray[Any, Any]) -> dict[str, float]:
        """Return the share of rows; 0.0 without rows."""
        first = np.argsort(-probabilities, axis=1, kind="stable")[:, : self._k]
        hits = (first == labels[:, None]).any(axis=1)
        return {"top_k_accuracy": float(hits.mean()) if len(hits) else 0.0}
