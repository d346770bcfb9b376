"""Random changes of training images, decided by seed, epoch and image: threads and processes change nothing.

The three levels and their ranges are those of SageMaker's image classification
(https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html, augmentation_type).
"""

import hashlib
import threading

import numpy as np
import torch

from pipelines.images.decode import Pixels
from pipelines.images.header import Bytes
from pipelines.images.stored import Box, decode_box, size_of
from pipelines.model.preprocess import resize_square

SMALLEST_CROP = 0.6  # of the short side
HUE, SATURATION, LIGHTNESS = 36 / 180, 50 / 255, 50 / 255
ROTATION_DEGREES, SHEAR, ASPECT = 10.0, 0.1, 0.25


class _OfThread(threading.local):
    """Each thread's generator, and what its state is at the start of a stream."""

    def __init__(self) -> None:
        self.generator = np.random.Generator(np.random.Philox(key=0))
        self.start = self.generator.bit_generator.state


_of_thread = _OfThread()


def random_of(seed: int, epoch: int, image_id: str) -> np.random.Generator:
    """Return the randomness of one image in one epoch, good until this thread asks for the next.

    It is that of `Philox(key)`, without making one: that takes 20 microseconds, a thirtieth of an image's time.
    """
    digest = hashlib.blake2b(f"{seed} {epoch} {image_id}".encode(), digest_size=8).digest()
    _of_thread.start["state"]["key"][0] = int.from_bytes(digest)
    _of_thread.generator.bit_generator.state = _of_thread.start
    return _of_thread.generator


def augment(image: Bytes, level: str, interpolation: str, random: np.random.Generator, out: Pixels) -> None:
    """Write a random view of a dataset's image to `out`, uint8 (S, S, 3).

    `crop`: a random rectangle, mirrored half of the time. `crop_color`: hue, saturation and lightness too.
    `crop_color_transform`: rotation, shear and aspect ratio too.
    """
    aspect = 1 + random.uniform(-ASPECT, ASPECT) if level == "crop_color_transform" else 1.0
    square = decode_box(image, _random_box(*size_of(image), aspect, random))
    if random.random() < 0.5:
        square = torch.from_numpy(square).flip(1).numpy()
    view = resize_square(square, interpolation, out)  # (3, S, S), in `out`
    if level == "crop_color_transform":
        view.copy_(_transform(view, random))
    if level != "crop":
        view.copy_(_recolour(view, random))


def _transform(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    from torchvision.transforms.v2 import functional as tvf  # takes seconds to import

    angle, shear = random.uniform(-ROTATION_DEGREES, ROTATION_DEGREES), random.uniform(-SHEAR, SHEAR)
    turned: torch.Tensor = tvf.affine(image, angle, [0, 0], 1.0, [np.degrees(np.arctan(shear)), 0.0], fill=[128.0])
    return turned


def _recolour(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    from torchvision.transforms.v2 import functional as tvf

    image = tvf.adjust_hue(image, random.uniform(-HUE, HUE))
    image = tvf.adjust_saturation(image, 1 + random.uniform(-SATURATION, SATURATION))
    brighter: torch.Tensor = tvf.adjust_brightness(image, 1 + random.uniform(-LIGHTNESS, LIGHTNESS))
    return brighter


def _random_box(height_px: int, width_px: int, aspect: float, random: np.random.Generator) -> Box:
    """Choose a rectangle of at least 0.6 of the short side, `aspect` times as wide as high."""
    side = min(height_px, width_px) * (SMALLEST_CROP + (1 - SMALLEST_CROP) * random.random())
    height = max(1, min(height_px, round(side / aspect**0.5)))
    width = max(1, min(width_px, round(side * aspect**0.5)))
    top, left = (int(random.random() * (room + 1)) for room in (height_px - height, width_px - width))
    return Box(top, left, height, width)
