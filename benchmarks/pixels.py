"""The bare work on one photo, in the fastest plain code that we know; imports nothing of darkroom.

Ceilings are loops of these functions, and the peers get them where a table says "with our decoder".
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import simplejpeg
import torch

SHORT_SIDE_PX, QUALITY = 256, 90


def shrink(content: bytes) -> bytes:
    """Decode a JPEG, bring its short side to 256 px, encode it again."""
    height_px, width_px = simplejpeg.decode_jpeg_header(content)[:2]
    short_px = min(height_px, width_px)
    scale = max((scale for scale in (2, 4, 8) if short_px >= scale * SHORT_SIDE_PX), default=1)
    size = {"min_height": -(-height_px // scale), "min_width": -(-width_px // scale)} if scale > 1 else {}
    pixels = simplejpeg.decode_jpeg(content, **size)
    if short_px > SHORT_SIDE_PX:
        long_px = round(max(height_px, width_px) * SHORT_SIDE_PX / short_px)
        pixels = resize(pixels, *((long_px, SHORT_SIDE_PX) if height_px > width_px else (SHORT_SIDE_PX, long_px)))
    return bytes(simplejpeg.encode_jpeg(pixels, QUALITY, colorsubsampling="420"))


def shrink_files(files: Sequence[str]) -> int:
    """Read files, all of them first; then decode, resize and encode each; return the bytes made."""
    contents = [Path(file).read_bytes() for file in files]  # 2 % faster, sixteen at once, than one by one
    return sum(len(shrink(content)) for content in contents)


def resize(pixels: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
    """Resize uint8 (H, W, 3) with antialiased bilinear interpolation."""
    planes = torch.from_numpy(np.ascontiguousarray(pixels))[None].permute(0, 3, 1, 2)
    small = torch.nn.functional.interpolate(planes, (height_px, width_px), mode="bilinear", antialias=True)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())


def random_crop(content: bytes, side_px: int, random: np.random.Generator, *, whole: bool = False) -> np.ndarray:
    """Decode a JPEG, cut a random square of 0.6 to all of its short side, resize it, mirror half of them.

    What lies below the square is decoded only for `whole`, as a plain loop would.
    """
    frame = content.index(b"\xff\xc0")  # where a baseline JPEG says how high and wide it is
    height_px, width_px = int.from_bytes(content[frame + 5 : frame + 7]), int.from_bytes(content[frame + 7 : frame + 9])
    side = round(min(height_px, width_px) * random.uniform(0.6, 1.0))
    top, left = random.integers(0, height_px - side + 1), random.integers(0, width_px - side + 1)
    if not whole and top + side + 1 < height_px:
        content = content[: frame + 5] + int(top + side + 1).to_bytes(2) + content[frame + 7 :]
    pixels = simplejpeg.decode_jpeg(content, strict=False)
    square = resize(pixels[top : top + side, left : left + side], side_px, side_px)
    return square[:, ::-1] if random.random() < 0.5 else square


def center_crop(content: bytes, side_px: int) -> np.ndarray:
    """Decode a JPEG whose short side is 256 px and cut its central square of 224 px."""
    pixels = simplejpeg.decode_jpeg(content)
    height_px, width_px = pixels.shape[:2]
    side = round(min(height_px, width_px) * 224 / 256)
    top, left = (height_px - side) // 2, (width_px - side) // 2
    square = pixels[top : top + side, left : left + side]
    return np.ascontiguousarray(square) if side == side_px else resize(square, side_px, side_px)
