"""Small photos made in code, by class folder."""

from pathlib import Path

import numpy as np
import simplejpeg

COLOURS = {"blue": (30, 30, 200), "green": (30, 200, 30), "red": (200, 30, 30)}


def write_photos(
    folder: Path, num_per_class: int, *, classes: tuple[str, ...] = tuple(COLOURS), first: int = 0
) -> Path:
    """Write noisy one-colour JPEG files of 40 x 32 px as CLASS/NUMBER.jpg."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + num_per_class):
            noise = np.random.default_rng([label, number]).integers(-30, 30, (32, 40, 3))
            pixels = np.clip(np.array(COLOURS.get(name, (99, 99, 99))) + noise, 0, 255).astype(np.uint8)
            (folder / name / f"{number:03d}.jpg").write_bytes(simplejpeg.encode_jpeg(pixels, quality=90))
    return folder


def write_channels(folder: Path) -> Path:
    """Write 60 photos for a training job's channel train and 12 others for validation, each a folder of that name."""
    write_photos(folder / "train", 20)
    write_photos(folder / "validation", 4, first=100)
    return folder
