"""Images as a dataset stores them, JPEG or RGB PNG: their size, all of their pixels, or those of a rectangle."""

import io
import struct
from typing import Literal, NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from pipelines.images.decode import Pixels
from pipelines.images.header import Bytes, frame_position

Colours = Literal["RGB", "BGR"]  # their order


class Box(NamedTuple):
    """A rectangle of an image, in pixels from its upper left corner."""

    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: Pixels) -> Pixels:
        """Cut the rectangle out of (H, W, 3); a view."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


class Frame(NamedTuple):
    """An image's size, and where an ordinary JPEG says it; `position` is 0 for all others."""

    height_px: int
    width_px: int
    position: int


def frame_of(image: Bytes) -> Frame:
    """Read the size of bytes that `canonicalise` made, without decoding them."""
    position = 0
    if not _is_jpeg(image):
        width_px, height_px = struct.unpack_from(">II", image, 16)  # of a PNG's first chunk
    elif position := frame_position(image):
        height_px, width_px = struct.unpack_from(">HH", image, position + 5)
    else:
        height_px, width_px = simplejpeg.decode_jpeg_header(image, strict=False)[:2]
    return Frame(height_px, width_px, position)


def decode_canonical(image: Bytes, colours: Colours = "RGB") -> Pixels:
    """Decode bytes that `canonicalise` made, to uint8 (H, W, 3)."""
    if _is_jpeg(image):
        return np.asarray(simplejpeg.decode_jpeg(image, colorspace=colours, strict=False))
    with Image.open(io.BytesIO(image), formats=("PNG",)) as png:
        pixels = np.array(png.convert("RGB"))
        return pixels if colours == "RGB" else pixels[:, :, ::-1].copy()


def decode_box(image: Bytes, frame: Frame, box: Box, colours: Colours = "RGB") -> Pixels:
    """Decode a rectangle of bytes that `canonicalise` made, to uint8 (height, width, 3).

    Of a JPEG nothing is decoded below the rectangle; the pixels are the same as those of the whole image.
    """
    return box.of(decode_canonical(_ending_at(image, frame, box.top + box.height), colours))


def _ending_at(image: Bytes, frame: Frame, num_rows: int) -> Bytes:
    """Make a JPEG's header say that the image ends one row after so many: the last row's colours depend on the next."""
    if not frame.position or num_rows + 1 >= frame.height_px:
        return image
    shorter = bytearray(image)
    struct.pack_into(">H", shorter, frame.position + 5, num_rows + 1)
    return shorter


def _is_jpeg(image: Bytes) -> bool:
    return image[:2] == b"\xff\xd8"
