"""Ray Data: photos to Parquet. FOLDER TARGET theirs|ours."""

import io
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import ray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

SIDE, QUALITY, CPUS = 256, 90, 2


def encode(row: dict) -> dict:
    """Bring the short side of decoded pixels to 256 px with Pillow and encode them."""
    image = Image.fromarray(row["image"])
    factor = SIDE / min(image.size)
    if factor < 1:
        image = image.resize([round(side * factor) for side in image.size], Image.Resampling.BILINEAR)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return {"path": row["path"], "image": file.getvalue()}


def shrink_batch(batch: dict) -> dict:
    """Do the same with our functions."""
    import torch

    from benchmarks.pixels import shrink

    torch.set_num_threads(1)
    return {"path": batch["path"], "image": np.array([shrink(content) for content in batch["bytes"]], dtype=object)}


def ingest(files: list[str], target: str, decoder: str) -> None:
    """Read, shrink, write."""
    shutil.rmtree(target, ignore_errors=True)
    if decoder == "theirs":
        images = ray.data.read_images(files, mode="RGB", include_paths=True).map(encode)
    else:
        images = ray.data.read_binary_files(files, include_paths=True).map_batches(shrink_batch, batch_size=64)
    images.write_parquet(target)


if __name__ == "__main__":
    folder, target, decoder = sys.argv[1:]
    ray.init(num_cpus=CPUS, log_to_driver=False, include_dashboard=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    files = sorted(str(file) for file in Path(folder).rglob("*.jpg"))
    ingest(files[:200], target, decoder)
    started = time.perf_counter()
    ingest(files, target, decoder)
    print(json.dumps({"runs": [(len(files), started, time.perf_counter())]}))
