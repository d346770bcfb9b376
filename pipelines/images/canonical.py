"""Bring any image into the one form that datasets hold and networks see."""

import functools
import io
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image

from pipelines.images.decode import Pixels, decode_jpeg, decode_other, resize
from pipelines.images.header import LOSSLESS, Header, read_header
from pipelines.images.policy import Policy
from pipelines.images.reject import Rejected
from pipelines.images.stored import decode_canonical


@dataclass(frozen=True)
class CanonicalImage:
    """JPEG or PNG bytes, RGB, upright.

    `drawn` is uint8 (H, W, 3): what was encoded, or what the original bytes decoded to.
    """

    image: bytes
    drawn: Pixels
    is_original: bool

    @property
    def width_px(self) -> int:
        """Return the width as stored."""
        return int(self.drawn.shape[1])

    @property
    def height_px(self) -> int:
        """Return the height as stored."""
        return int(self.drawn.shape[0])

    @functools.cached_property
    def pixels(self) -> Pixels:
        """Return what the bytes decode to, uint8 (H, W, 3); decoded when it is asked for."""
        return self.drawn if self.is_original else decode_canonical(self.image)


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
    header = read_header(content, policy)
    target = policy.short_side_px
    small = min(header.width_px, header.height_px) <= target
    clean = header.format in ("JPEG", "PNG")
    if header.plain_jpeg or header.image is None:
        pixels, clean = decode_jpeg(content, header, min_side_px=0 if small else target)
        pixels = _turn(pixels, header.orientation)
    else:
        pixels = decode_other(header.image, target)
    if clean and small and header.rgb and header.orientation == 1:
        return CanonicalImage(content, pixels, is_original=True)
    drawn = _shrink(pixels, header, target)
    return CanonicalImage(_encode(drawn, policy, lossless=header.format in LOSSLESS), drawn, is_original=False)


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation: mirror where it is one of 2, 4, 5, 7, then turn."""
    if orientation == 1:
        return pixels
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    quarter_turns = {2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation]
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))


def _shrink(pixels: Pixels, header: Header, short_side_px: int) -> Pixels:
    """Bring the short side down to `short_side_px`, the long one in proportion to the original's."""
    short_px, long_px = sorted((header.width_px, header.height_px))
    if short_px <= short_side_px:
        return pixels
    long_side_px = max(1, round(long_px * short_side_px / short_px))
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
