"""Images as a dataset stores them, JPEG or RGB PNG: their size, all of their pixels, or those of a rectangle."""

import io
import struct
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from pipelines.images.decode import Pixels
from pipelines.images.header import Bytes, frame_position


class Box(NamedTuple):
    """A rectangle of an image, in pixels from its upper left corner."""

    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: Pixels) -> Pixels:
        """Cut the rectangle out of (H, W, 3); a view."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


def size_of(image: Bytes) -> tuple[int, int]:
    """Return height and width in pixels of bytes that `canonicalise` made, without decoding them."""
    if not _is_jpeg(image):
        width_px, height_px = struct.unpack_from(">II", image, 16)  # of a PNG's first chunk
    elif position := frame_position(image):
        height_px, width_px = struct.unpack_from(">HH", image, position + 5)
    else:
        height_px, width_px = simplejpeg.decode_jpeg_header(image, strict=False)[:2]
    return height_px, width_px


def decode_canonical(image: Bytes) -> Pixels:
    """Decode bytes that `canonicalise` made, to uint8 (H, W, 3)."""
    if _is_jpeg(image):
        return np.asarray(simplejpeg.decode_jpeg(image, colorspace="RGB", strict=False))
    with Image.open(io.BytesIO(image), formats=("PNG",)) as png:
        return np.array(png.convert("RGB"))


def decode_box(image: Bytes, box: Box) -> Pixels:
    """Decode a rectangle of bytes that `canonicalise` made, to uint8 (height, width, 3).

    Of a JPEG nothing is decoded below the rectangle; the pixels are the same as those of the whole image.
    """
    return box.of(decode_canonical(_ending_at(image, box.top + box.height)))


def _ending_at(image: Bytes, num_rows: int) -> Bytes:
    """Make a JPEG's header say that the image ends one row after so many: the last row's colours depend on the next."""
    position = frame_position(image)
    if not position or num_rows + 1 >= int.from_bytes(image[position + 5 : position + 7]):
        return image
    shorter = bytearray(image)
    struct.pack_into(">H", shorter, position + 5, num_rows + 1)
    return shorter


def _is_jpeg(image: Bytes) -> bool:
    return image[:2] == b"\xff\xd8"
