"""Random changes of training images, decided by seed, epoch and image: threads and processes change nothing.

The three levels and their ranges are those of SageMaker's image classification
(https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html, augmentation_type).
"""

import hashlib
import struct
from collections.abc import Iterator

import numpy as np
import torch

from pipelines.images.decode import Pixels
from pipelines.images.header import Bytes
from pipelines.images.stored import Box, decode_box, frame_of
from pipelines.model.preprocess import resize_square

SMALLEST_CROP = 0.6  # of the short side
HUE, SATURATION, LIGHTNESS = 36 / 180, 50 / 255, 50 / 255
ROTATION_DEGREES, SHEAR, ASPECT = 10.0, 0.1, 0.25


def draws_of(seed: int, epoch: int, image_id: str) -> Iterator[float]:
    """Yield the randomness of one image in one epoch: sixteen numbers in [0, 1), of 32 bits each.

    They are the bits of a hash, which is quicker than setting the state of a numpy generator.
    """
    numbers = struct.unpack("<16I", _hash(seed, epoch, image_id, num_bytes=64))
    return (number / 2**32 for number in numbers)


def generator_of(seed: int, epoch: int, image_id: str) -> np.random.Generator:
    """Return the randomness of one image in one epoch as a generator, for the user's own augmentation."""
    key = int.from_bytes(_hash(seed, epoch, image_id, num_bytes=8))
    return np.random.Generator(np.random.Philox(key=key))


def _hash(seed: int, epoch: int, image_id: str, num_bytes: int) -> bytes:
    return hashlib.blake2b(f"{seed} {epoch} {image_id}".encode(), digest_size=num_bytes).digest()


def augment(image: Bytes, level: str, interpolation: str, draws: Iterator[float], out: Pixels) -> None:
    """Write a random view of a dataset's image to `out`, uint8 (S, S, 3).

    `crop`: a random rectangle, mirrored half of the time. `crop_color`: hue, saturation and lightness too.
    `crop_color_transform`: rotation, shear and aspect ratio too.
    """
    aspect = 1 + _around_zero(draws, ASPECT) if level == "crop_color_transform" else 1.0
    frame = frame_of(image)
    box = _random_box(frame.height_px, frame.width_px, aspect, draws)
    mirrored = next(draws) < 0.5
    square = decode_box(image, frame, box, "BGR" if mirrored else "RGB")
    if mirrored:  # a row's bytes backwards, colours and all, which takes half as long as its pixels backwards
        square = torch.from_numpy(square).flip(1, 2).numpy()
    view = resize_square(square, interpolation, out)  # (3, S, S), in `out`
    if level == "crop_color_transform":
        view.copy_(_transform(view, draws))
    if level != "crop":
        view.copy_(_recolour(view, draws))


def _around_zero(draws: Iterator[float], limit: float) -> float:
    return limit * (2 * next(draws) - 1)


def _transform(image: torch.Tensor, draws: Iterator[float]) -> torch.Tensor:
    from torchvision.transforms.v2 import functional as tvf  # takes seconds to import

    angle, shear = _around_zero(draws, ROTATION_DEGREES), _around_zero(draws, SHEAR)
    turned: torch.Tensor = tvf.affine(image, angle, [0, 0], 1.0, [np.degrees(np.arctan(shear)), 0.0], fill=[128.0])
    return turned


def _recolour(image: torch.Tensor, draws: Iterator[float]) -> torch.Tensor:
    from torchvision.transforms.v2 import functional as tvf

    image = tvf.adjust_hue(image, _around_zero(draws, HUE))
    image = tvf.adjust_saturation(image, 1 + _around_zero(draws, SATURATION))
    brighter: torch.Tensor = tvf.adjust_brightness(image, 1 + _around_zero(draws, LIGHTNESS))
    return brighter


def _random_box(height_px: int, width_px: int, aspect: float, draws: Iterator[float]) -> Box:
    """Choose a rectangle of at least 0.6 of the short side, `aspect` times as wide as high."""
    side = min(height_px, width_px) * (SMALLEST_CROP + (1 - SMALLEST_CROP) * next(draws))
    height = max(1, min(height_px, round(side / aspect**0.5)))
    width = max(1, min(width_px, round(side * aspect**0.5)))
    top, left = (int(next(draws) * (room + 1)) for room in (height_px - height, width_px - width))
    return Box(top, left, height, width)
