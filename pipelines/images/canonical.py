"""Bring any image into the one form that datasets hold and networks see."""

import io
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from pipelines.images.decode import (
    LOSSLESS,
    Pixels,
    decode_canonical,
    decode_jpeg,
    decode_other,
    open_header,
    orientation_of,
    resize,
)
from pipelines.images.policy import Policy
from pipelines.images.reject import Rejected


class CanonicalImage(NamedTuple):
    """JPEG or PNG bytes, RGB, upright, and the pixels uint8 (H, W, 3) that they decode to."""

    image: bytes
    width_px: int
    height_px: int
    pixels: Pixels


def canonicalise(content: bytes, policy: Policy) -> CanonicalImage:
    """Return the canonical form of a file's bytes; of a canonical image, the same bytes again.

    The original bytes stay where no change is needed. What came lossless is stored as PNG, the rest as JPEG.

    Raises:
        Rejected: the bytes are no usable image. Nothing else is raised, whatever the bytes.
    """
    try:
        return _canonicalise(content, policy)
    except Rejected:
        raise
    except Image.DecompressionBombError as error:
        raise Rejected("too_many_pixels", str(error)) from error
    except MemoryError as error:
        raise Rejected("too_many_pixels", "there is not enough memory to decode it") from error
    except Exception as error:
        reason = "truncated" if "truncated" in str(error).lower() else "corrupt"
        raise Rejected(reason, f"{type(error).__name__}: {error}") from error


def _canonicalise(content: bytes, policy: Policy) -> CanonicalImage:
    header = open_header(content, policy)
    target = policy.short_side_px
    upright = orientation_of(header) == 1
    small = min(header.size) <= target
    colour = header.mode == "RGB" and "transparency" not in header.info
    clean = True
    if header.format in ("JPEG", "MPO") and header.mode in ("RGB", "L"):
        pixels, clean = decode_jpeg(content, min_side_px=0 if small else target)
        pixels = _turn(pixels, orientation_of(header))
    else:
        single = getattr(header, "n_frames", 1) == 1
        colour = colour and header.format == "PNG" and single
        pixels = decode_other(header, target)
    if clean and small and upright and colour and header.format in ("JPEG", "MPO", "PNG"):
        return _stored(content, pixels)
    image = _encode(_shrink(pixels, header, target), policy, lossless=header.format in LOSSLESS)
    return _stored(image, decode_canonical(image))


def _stored(image: bytes, pixels: Pixels) -> CanonicalImage:
    return CanonicalImage(image, pixels.shape[1], pixels.shape[0], pixels)


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation: mirror where it is one of 2, 4, 5, 7, then turn."""
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    quarter_turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation]
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))


def _shrink(pixels: Pixels, header: Image.Image, short_side_px: int) -> Pixels:
    """Bring the short side down to `short_side_px`, the long one in proportion to the original's."""
    if min(header.size) <= short_side_px:
        return pixels
    long_side_px = max(1, round(max(header.size) * short_side_px / min(header.size)))
    height_px, width_px = pixels.shape[:2]
    size = (long_side_px, short_side_px) if height_px > width_px else (short_side_px, long_side_px)
    return resize(pixels, *size)


def _encode(pixels: Pixels, policy: Policy, *, lossless: bool) -> bytes:
    if not lossless:
        quality = policy.jpeg_quality
        return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling="420"))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
