"""A small bundle with random weights, made in seconds."""

from pathlib import Path
from typing import Any

import torch

from pipelines.images.policy import Policy
from pipelines.model.architectures import build
from pipelines.model.bundle import BundleInfo, save_bundle
from pipelines.model.preprocess import Preprocessing

ARCHITECTURE = "squeezenet1_1"
COLOURS = ("blue", "green", "red")


def write_bundle(
    folder: Path,
    *,
    classes: tuple[str, ...] = COLOURS,
    seed: int = 0,
    training: dict[str, Any] | None = None,
    dataset_id: str = "none",
    metrics: dict[str, Any] | None = None,
) -> str:
    """Write a SqueezeNet for images of 32 px and return its URI."""
    torch.manual_seed(seed)
    how = Preprocessing(policy=Policy(), resize_px=36, crop_px=32, mean=(0.5,) * 3, std=(0.25,) * 3)
    info = BundleInfo(
        architecture=ARCHITECTURE,
        classes=classes,
        preprocessing=how,
        training=training or {"epochs": 0},
        dataset_id=dataset_id,
        metrics=metrics or {},
        code_version="test",
    )
    images = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    save_bundle(f"file://{folder}", build(ARCHITECTURE, len(classes)), info, images)
    return f"file://{folder}"
