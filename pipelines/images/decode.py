"""Decode image bytes to upright RGB pixels, at about the size that is asked for."""

import functools
import io
import warnings
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from pipelines.images.policy import Policy
from pipelines.images.reject import Rejected

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000")
LOSSLESS = frozenset(("PNG", "GIF", "BMP", "TIFF"))
Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_ORIENTATION = 0x112
_HARMLESS = ("extraneous bytes", "invalid sos parameters", "adobe", "inconsistent progression")
# Bytes left over before one of these markers are pixels that were lost; before others they are junk in a header.
_IN_SCAN = ("marker 0xd9", *(f"marker 0xd{restart}" for restart in range(8)))
_REDUCE_ABOVE_PIXELS = 16_000_000


def open_header(content: bytes, policy: Policy) -> Image.Image:
    """Read an image's header only.

    Raises:
        Rejected: it is no image, of no accepted format, or has more than `max_pixels`.
    """
    if not content:
        raise Rejected("empty", "the file has no bytes")
    _load_decoders()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Rejected("too_many_pixels", str(error)) from error
    except Exception as error:
        raise _unidentified(content) from error
    if image.width * image.height > policy.max_pixels:
        size = f"{image.width}x{image.height} px"
        raise Rejected("too_many_pixels", f"{size} are more than max_pixels={policy.max_pixels}")
    return image


@functools.lru_cache(maxsize=1)
def _load_decoders() -> None:
    Image.init()


def _unidentified(content: bytes) -> Rejected:
    """Tell a known format that is not accepted, a damaged image, and a file that is none apart."""
    if content[4:8] == b"ftyp":
        return Rejected("unsupported_format", "HEIF images are not read; convert them to JPEG")
    try:
        with Image.open(io.BytesIO(content)) as image:
            return Rejected("unsupported_format", f"{image.format} is not one of {', '.join(FORMATS)}")
    except Exception:
        magic = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\xff\x4f\xff\x51")
        if content.startswith(magic):
            return Rejected("corrupt", "the file starts like an image, but its header is damaged")
        return Rejected("not_an_image", "the content is of no known image format")


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    if "exif" not in image.info and image.format != "TIFF":
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def decode_jpeg(content: bytes, *, min_side_px: int = 0) -> tuple[Pixels, bool]:
    """Decode a JPEG of one or three components; scaled in the DCT, not below `min_side_px`.

    Returns:
        uint8 (H, W, 3), and whether the file is clean, without even a harmless warning.

    Raises:
        Rejected: truncated or corrupt, by libjpeg's errors and by those warnings that mean damage.
    """
    scaled = {"min_height": min_side_px, "min_width": min_side_px} if min_side_px else {}
    try:
        return np.asarray(simplejpeg.decode_jpeg(content, colorspace="RGB", **scaled)), True
    except ValueError as error:
        text = str(error).lower()
        if any(word in text for word in _HARMLESS) and not any(marker in text for marker in _IN_SCAN):
            with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
                image.draft("RGB", (min_side_px, min_side_px) if min_side_px else image.size)
                return np.array(image.convert("RGB")), False
        reason = "truncated" if "premature end" in text else "corrupt"
        raise Rejected(reason, f"the JPEG is damaged: {error}") from error


def decode_canonical(image: bytes) -> Pixels:
    """Decode bytes that `canonicalise` made: a JPEG or an RGB PNG, to uint8 (H, W, 3)."""
    if image.startswith(b"\xff\xd8"):
        return np.asarray(simplejpeg.decode_jpeg(image, colorspace="RGB", strict=False))
    with Image.open(io.BytesIO(image), formats=("PNG",)) as png:
        return np.array(png.convert("RGB"))


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


def resize(pixels: Pixels, height_px: int, width_px: int) -> Pixels:
    """Resize uint8 (H, W, 3) with antialiased bilinear interpolation."""
    import torch  # takes seconds, and most photos of a dataset may be small enough as they are

    planes = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).unsqueeze(0)
    small = torch.nn.functional.interpolate(planes, (height_px, width_px), mode="bilinear", antialias=True)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())
