"""Decode image bytes to upright RGB pixels, at about the size that is asked for."""

import io
import warnings
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from pipelines.images.header import Header
from pipelines.images.reject import Rejected

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_HARMLESS = ("extraneous bytes", "invalid sos parameters", "adobe", "inconsistent progression")
# Bytes left over before one of these markers are pixels that were lost; before others they are junk in a header.
_IN_SCAN = ("marker 0xd9", *(f"marker 0xd{restart}" for restart in range(8)))
_REDUCE_ABOVE_PIXELS = 16_000_000


def decode_jpeg(content: bytes, header: Header, *, min_side_px: int = 0) -> tuple[Pixels, bool]:
    """Decode a JPEG of one or three components; halved in the DCT while no side falls below `min_side_px`.

    Returns:
        uint8 (H, W, 3), and whether the file is clean, without even a harmless warning.

    Raises:
        Rejected: truncated or corrupt, by libjpeg's errors and by those warnings that mean damage.
    """
    scale = _dct_scale(header, min_side_px)
    size = {"min_height": -(-header.height_px // scale), "min_width": -(-header.width_px // scale)} if scale > 1 else {}
    try:
        return np.asarray(simplejpeg.decode_jpeg(content, colorspace="RGB", **size)), True
    except ValueError as error:
        text = str(error).lower()
        if any(word in text for word in _HARMLESS) and not any(marker in text for marker in _IN_SCAN):
            with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
                image.draft("RGB", (image.width // scale, image.height // scale))
                return np.array(image.convert("RGB")), False
        reason = "truncated" if "premature end" in text else "corrupt"
        raise Rejected(reason, f"the JPEG is damaged: {error}") from error


def _dct_scale(header: Header, min_side_px: int) -> int:
    """Return 1, 2, 4 or 8: libjpeg-turbo has SIMD code for these alone, 6/8 takes longer than the whole."""
    short_px = min(header.width_px, header.height_px)
    return max((scale for scale in (2, 4, 8) if min_side_px and short_px >= scale * min_side_px), default=1)


def decode_other(image: Image.Image, short_side_px: int) -> Pixels:
    """Decode the first frame of any accepted image with Pillow: upright RGB, alpha over white.

    Large images are first reduced by a whole factor in their own mode, which bounds the memory.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.draft(image.mode, (2 * short_side_px, 2 * short_side_px))
        image.load()
        factor = min(image.size) // (2 * short_side_px)
        if factor > 1 and image.width * image.height > _REDUCE_ABOVE_PIXELS:
            image = (image.convert("L") if image.mode == "1" else image).reduce(factor)
        return np.array(ImageOps.exif_transpose(_flatten(image)))


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise Rejected("unsupported_mode", f"mode {image.mode} (32 bits a channel) has no defined white")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def resize(
    pixels: Pixels, height_px: int, width_px: int, interpolation: str = "bilinear", out: Pixels | None = None
) -> Pixels:
    """Resize uint8 (H, W, 3) with antialiasing, bilinear or bicubic; return `out` if it is given, written to at once.

    It is `torch.nn.functional.interpolate`, which has no `out`: a copy less where a batch is filled.
    """
    import torch  # takes seconds, and most photos of a dataset may be small enough as they are

    small = np.empty((height_px, width_px, 3), np.uint8) if out is None else out
    # In this order of axes torch sees that the channels come last, and takes its vector code.
    source, target = (
        torch.from_numpy(image[None]).permute(0, 3, 1, 2) for image in (np.ascontiguousarray(pixels), small)
    )
    operator = getattr(torch.ops.aten, f"_upsample_{interpolation}2d_aa").out
    operator(source, (height_px, width_px), False, None, None, out=target)
    return small
