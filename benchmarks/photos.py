"""The photos that benchmarks read: a folder of the user's, or made ones, as many as are asked for."""

import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import simplejpeg

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "darkroom" / "bench"
MADE_CLASSES, MADE_PER_CLASS = 10, 40


def photos(folder: str, number: int) -> Path:
    """Return a folder label/photo.jpg with `number` photos, no two files with the same bytes.

    Fewer than there are come from all classes. More are copies, which differ from their original by a JPEG comment:
    they cost the same to decode, but are no duplicates. The folder is made once and kept in the cache.
    """
    source = Path(folder).resolve() if folder else _made()
    name = hashlib.blake2b(str(source).encode(), digest_size=4).hexdigest()
    target = CACHE / f"photos-{name}-{number}-of-all"
    if not target.exists():
        aside = target.with_suffix(".part")
        originals = sorted(file for file in source.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg"))
        step = max(1.0, len(originals) / number)  # evenly over the sorted folders, however many are asked for
        for position in range(number):
            file = originals[int(position * step) % len(originals)]
            place = aside / file.parent.name / f"{position:07d}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_with_comment(file.read_bytes(), f"{position:07d}"))
        aside.rename(target)
    return target


def files(folder: Path) -> list[str]:
    """Return the paths of all photos."""
    return sorted(str(file) for file in folder.rglob("*.jpg"))


def into_memory(folder: Path) -> None:
    """Read every file of a folder, so that the system has it in memory, as far as it fits."""
    for file in filter(Path.is_file, folder.rglob("*")):
        file.read_bytes()


def _with_comment(jpeg: bytes, text: str) -> bytes:
    comment = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def _made() -> Path:
    """Make photos of 400 x 533 px: smooth shapes, edges and some grain, about 30 KB each, like a shop's pictures."""
    target = CACHE / "made"
    if not target.exists():
        aside = target.with_suffix(".part")
        for label, number in itertools.product(range(MADE_CLASSES), range(MADE_PER_CLASS)):
            place = aside / f"class-{label}" / f"{number:03d}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(simplejpeg.encode_jpeg(_draw(label, number), quality=90, colorsubsampling="420"))
        aside.rename(target)
    return target


def _draw(label: int, number: int) -> np.ndarray:
    random = np.random.default_rng([label, number])
    y, x = np.mgrid[0:533, 0:400].astype(np.float32)
    image = np.empty((533, 400, 3), np.float32)
    for channel, (shift, slope) in enumerate(random.uniform(0, 1, (3, 2))):
        image[..., channel] = 90 + 90 * shift + 0.1 * slope * y
    for radius, up, left in _blobs(random, label):
        inside = ((x - left) ** 2 + (y - up) ** 2 < radius**2)[..., None]
        stripes = 25 * np.sin(x / (3 + label) + y / 7)[..., None]
        image = np.where(inside, random.uniform(20, 230, 3) + stripes, image)
    grain = random.normal(0, 6, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def _blobs(random: np.random.Generator, label: int) -> Iterator[tuple[float, float, float]]:
    for _ in range(2 + label):
        yield float(random.uniform(30, 140)), float(random.uniform(0, 533)), float(random.uniform(0, 400))
