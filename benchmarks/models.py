"""Bundles for measuring speed: networks with random weights."""

from pathlib import Path

import torch
from torch import nn

from benchmarks.photos import CACHE
from pipelines.images.policy import Policy
from pipelines.model.architectures import Network, build
from pipelines.model.bundle import BundleInfo, save_bundle
from pipelines.model.preprocess import Preprocessing, from_bytes
from pipelines.model.weights import head_of

NUM_CLASSES, CHECK_IMAGES = 10, 32


def bundle(architecture: str, photos: Path, side_px: int = 224) -> Path:
    """Return a bundle with random weights, made once.

    Activations keep their size through all layers, as in a trained network: else they would become so small that some
    engines slow down. The first class is always the most likely one, by far: what a random network answers
    is decided by rounding, and no other precision than its own would agree with it.
    """
    target = CACHE / "bundles" / f"{architecture}-{side_px}-{photos.name}"
    if target.exists():
        return target
    torch.manual_seed(0)
    how = Preprocessing(
        policy=Policy(),
        resize_px=round(side_px * 8 / 7),
        crop_px=side_px,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    some = sorted(photos.rglob("*.jpg"))[:CHECK_IMAGES]
    images = torch.stack([from_bytes(file.read_bytes(), how) for file in some])
    network = Network(architecture, {})
    model = build(network, NUM_CLASSES)
    _measure_activations(model, images)
    with torch.no_grad():
        (bias,) = (model.get_parameter(name) for name in head_of(network) if name.endswith("bias"))
        bias[0] += 1000
    info = BundleInfo(
        architecture=architecture,
        classes=tuple(f"class-{number}" for number in range(NUM_CLASSES)),
        preprocessing=how,
        training={"epochs": 0},
        dataset_id="none",
        metrics={},
        code_version="benchmark",
    )
    save_bundle(f"file://{target}", model, info, images)
    return target


def _measure_activations(model: nn.Module, images: torch.Tensor) -> None:
    """Give every batch normalisation the mean and deviation of these images."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.inference_mode():
        model.train()(images / 255)
