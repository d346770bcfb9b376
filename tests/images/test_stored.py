"""What a dataset's images give: their size, and the pixels of a rectangle without those below it."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pipelines.images.decode import Pixels
from pipelines.images.stored import Box, Colours, decode_box, decode_canonical, frame_of

HEIGHT_PX, WIDTH_PX = 75, 53
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
ORDERS: tuple[Colours, ...] = ("RGB", "BGR")


def saved(kind: str, pixels: Pixels = NOISE, **how: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **how)
    return file.getvalue()


IMAGES = {
    "png": saved("PNG"),
    **{name: simplejpeg.encode_jpeg(NOISE, colorsubsampling=name) for name in ("444", "422", "420", "440", "411")},
    "gray": simplejpeg.encode_jpeg(NOISE[:, :, :1].copy(), colorspace="GRAY"),
    "progressive": saved("JPEG", progressive=True, subsampling="4:2:0"),
    "restart markers": saved("JPEG", restart_marker_rows=1, subsampling="4:2:0"),
    "comment and profile": saved("JPEG", comment=b"x" * 300, icc_profile=b"y" * 70_000),
}


@pytest.mark.parametrize("name", IMAGES)
def test_the_size_is_that_of_the_pixels(name: str) -> None:
    assert frame_of(IMAGES[name])[:2] == (HEIGHT_PX, WIDTH_PX)


@pytest.mark.parametrize("name", IMAGES)
def test_a_rectangle_has_the_pixels_of_the_whole_image_wherever_it_ends(name: str) -> None:
    whole, frame = decode_canonical(IMAGES[name]), frame_of(IMAGES[name])
    boxes = [Box(bottom // 3, 7, bottom - bottom // 3, 40) for bottom in range(1, HEIGHT_PX + 1)]
    assert all(np.array_equal(decode_box(IMAGES[name], frame, box), box.of(whole)) for box in boxes)


@pytest.mark.parametrize("name", IMAGES)
def test_colours_come_in_either_order(name: str) -> None:
    rgb, bgr = (decode_box(IMAGES[name], frame_of(IMAGES[name]), Box(2, 7, 23, 40), order) for order in ORDERS)
    assert np.array_equal(bgr, rgb[:, :, ::-1])


def test_rows_below_a_rectangle_are_not_decoded() -> None:
    decoded = decode_box(IMAGES["420"], frame_of(IMAGES["420"]), Box(2, 7, 23, 40)).base
    assert decoded is not None and decoded.shape == (26, WIDTH_PX, 3)


def test_a_header_that_is_not_ordinary_is_read_by_libjpeg() -> None:
    """Fill bytes may stand before any marker."""
    image = IMAGES["420"][:2] + b"\xff" * 3 + IMAGES["420"][2:]
    box = Box(3, 5, 20, 30)
    assert frame_of(image)[:2] == (HEIGHT_PX, WIDTH_PX)
    assert np.array_equal(decode_box(image, frame_of(image), box), box.of(decode_canonical(IMAGES["420"])))
