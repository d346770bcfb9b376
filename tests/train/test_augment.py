"""Random changes of training images."""

import io

import numpy as np
import pytest
from PIL import Image

from pipelines.images.decode import Pixels
from pipelines.train.augment import augment, draws_of

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
PLAIN = np.full((40, 60, 3), (80, 110, 190), np.uint8)
LEVELS = ("crop", "crop_color", "crop_color_transform")


def view(
    level: str,
    pixels: Pixels = PIXELS,
    *,
    interpolation: str = "bilinear",
    seed: int = 0,
    epoch: int = 0,
    image_id: str = "a",
) -> Pixels:
    out, png = np.zeros((24, 24, 3), np.uint8), io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    augment(png.getvalue(), level, interpolation, draws_of(seed, epoch, image_id), out)
    return out


@pytest.mark.parametrize("level", LEVELS)
def test_a_view_fills_its_place_in_the_batch(level: str) -> None:
    assert view(level, PLAIN).all()


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_image_in_the_same_epoch_looks_the_same(level: str) -> None:
    assert np.array_equal(view(level), view(level))


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}, {"image_id": "b"}])
def test_seed_epoch_and_image_each_change_the_view(other: dict[str, object]) -> None:
    assert not np.array_equal(view("crop"), view("crop", **other))  # type: ignore[arg-type]


def test_the_crop_level_leaves_colours_as_they_are() -> None:
    views = [view("crop", PLAIN, image_id=str(number)) for number in range(20)]
    assert all(one.max(axis=(0, 1)).tolist() == [80, 110, 190] for one in views)


def test_the_colour_level_changes_colours() -> None:
    assert view("crop_color", PLAIN).max(axis=(0, 1)).tolist() != [80, 110, 190]


def test_half_of_the_views_are_mirrored() -> None:
    ramp = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None] * 4, 40, axis=0).repeat(3, axis=2)
    views = [view("crop", ramp, image_id=str(number)) for number in range(200)]
    assert 70 < sum(int(one[0, 0, 0] > one[0, -1, 0]) for one in views) < 130


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("level", LEVELS)
def test_one_pixel_is_enough(level: str, interpolation: str) -> None:
    assert view(level, PLAIN[:1, :1], interpolation=interpolation).all()
