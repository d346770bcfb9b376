"""What a model says about one image, in the words that predictions, services and pages share."""

from typing import Any

import numpy as np

from pipelines.model.bundle import BundleInfo


def answer(probabilities: np.ndarray[Any, Any], info: BundleInfo, top_k: int) -> dict[str, Any]:
    """Return the `top_k` classes of one image, most likely first; ties go to the first class. Or its features."""
    if info.outputs == "features":
        return {"features": probabilities}
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    best = [{"label_name": info.classes[index], "confidence": float(probabilities[index])} for index in order]
    return {**best[0], "top_k": best, "model_id": info.model_id}
