"""Random changes of training images."""

import numpy as np
import pytest
import torch

from pipelines.train.augment import augment, random_of

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
LEVELS = ("crop", "crop_color", "crop_color_transform")


def view(level: str, *, seed: int = 0, epoch: int = 0, image_id: str = "a") -> torch.Tensor:
    return augment(PIXELS, level, 24, "bilinear", random_of(seed, epoch, image_id))


@pytest.mark.parametrize("level", LEVELS)
def test_a_view_is_a_square_of_bytes(level: str) -> None:
    assert (view(level).shape, view(level).dtype) == ((3, 24, 24), torch.uint8)


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_image_in_the_same_epoch_looks_the_same(level: str) -> None:
    assert torch.equal(view(level), view(level))


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}, {"image_id": "b"}])
def test_seed_epoch_and_image_each_change_the_view(other: dict[str, object]) -> None:
    assert not torch.equal(view("crop"), view("crop", **other))  # type: ignore[arg-type]


def test_the_crop_level_leaves_colours_as_they_are() -> None:
    gray = np.full((40, 60, 3), (10, 100, 200), np.uint8)
    assert augment(gray, "crop", 8, "bilinear", random_of(0, 0, "a")).amax(dim=(1, 2)).tolist() == [10, 100, 200]


def test_the_colour_level_changes_colours() -> None:
    gray = np.full((40, 60, 3), (10, 100, 200), np.uint8)
    assert augment(gray, "crop_color", 8, "bilinear", random_of(0, 0, "a")).amax(dim=(1, 2)).tolist() != [10, 100, 200]


def test_half_of_the_views_are_mirrored() -> None:
    ramp = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None] * 4, 40, axis=0).repeat(3, axis=2)
    views = [augment(ramp, "crop", 8, "bilinear", random_of(0, 0, str(n))).int() for n in range(200)]
    assert 70 < sum(int(item[0, 0, 0] > item[0, 0, -1]) for item in views) < 130


def test_one_pixel_is_enough() -> None:
    assert augment(PIXELS[:1, :1], "crop_color_transform", 8, "bicubic", random_of(0, 0, "a")).shape == (3, 8, 8)
