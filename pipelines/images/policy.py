"""What is accepted as an image, and in which form it is stored."""

import os

from pydantic import BaseModel, ConfigDict, Field

# Files with these endings are candidates; their content decides.
EXTENSIONS = frozenset("jpg jpeg jpe jfif png gif bmp dib webp tif tiff avif jp2 j2k jpx mpo ico heic heif".split())


def has_extension(name: str) -> bool:
    """Say whether a file's name or URI ends as an image's does."""
    return os.path.splitext(name)[1].lstrip(".").lower() in EXTENSIONS


class Policy(BaseModel):
    """Limits and form of canonical images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    short_side_px: int = Field(256, ge=1)
    jpeg_quality: int = Field(90, ge=1, le=100)
    max_pixels: int = Field(178_956_970, ge=1, le=178_956_970)  # Pillow refuses more by itself
    max_bytes: int = Field(64 * 2**20, ge=1)
