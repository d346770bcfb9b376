"""From a file's bytes to the network's input; the settings travel in the model bundle and nowhere else."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from pipelines.images.canonical import canonicalise
from pipelines.images.decode import Pixels, resize
from pipelines.images.policy import Policy
from pipelines.images.stored import Box


class Preprocessing(BaseModel):
    """How a network wants its images. Mean and deviation are of r, g, b in 0..1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Policy
    resize_px: int = Field(ge=1)
    crop_px: int = Field(ge=1)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def hash(self) -> str:
        """Return the hex SHA-256 of the settings."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def central_square(height_px: int, width_px: int, preprocessing: Preprocessing) -> Box:
    """Return the square that a network sees of an image.

    The same as resizing the short side to `resize_px` and cropping, but the cut comes first: a strip of
    20000 x 2 px never becomes large.
    """
    share = min(1.0, preprocessing.crop_px / preprocessing.resize_px)
    side = max(1, round(min(height_px, width_px) * share))
    return Box((height_px - side) // 2, (width_px - side) // 2, side, side)


def to_input(pixels: Pixels, preprocessing: Preprocessing) -> torch.Tensor:
    """Cut the central square of uint8 (H, W, 3) and resize it to uint8 (3, crop_px, crop_px)."""
    square = central_square(pixels.shape[0], pixels.shape[1], preprocessing).of(pixels)
    out = np.empty((preprocessing.crop_px, preprocessing.crop_px, 3), np.uint8)
    return resize_square(square, preprocessing.interpolation, out)


def resize_square(pixels: Pixels, interpolation: str, out: Pixels) -> torch.Tensor:
    """Resize uint8 (H, W, 3) to `out`, uint8 (S, S, 3), with antialiasing; the aspect ratio may change.

    Returns `out` as uint8 (3, S, S): in memory the channels come last, as they do in `stack`.
    """
    if pixels.shape == out.shape:
        out[:] = pixels
    else:
        resize(pixels, len(out), len(out), interpolation, out)
    return torch.from_numpy(out).permute(2, 0, 1)


def stack(images: Sequence[torch.Tensor]) -> torch.Tensor:
    """Gather uint8 (3, S, S) to (B, 3, S, S), with the channels last in memory, as the fastest kernels want them."""
    return torch.stack([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)


def from_bytes(content: bytes, preprocessing: Preprocessing) -> torch.Tensor:
    """Return the network's input uint8 (3, S, S) of a file's bytes; Rejected if they are no usable image."""
    return to_input(canonicalise(content, preprocessing.policy).pixels, preprocessing)
