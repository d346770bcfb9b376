"""Daft: photos to Parquet. FOLDER TARGET theirs|ours."""

import json
import shutil
import sys
import time
from pathlib import Path

import daft
from daft import col

sys.path.insert(0, str(Path(__file__).parents[2]))


@daft.func.batch(return_dtype=daft.DataType.binary())
def shrink_batch(contents: daft.Series) -> list[bytes]:
    """Decode, resize and encode with our functions."""
    import torch

    from benchmarks.pixels import shrink

    torch.set_num_threads(1)
    return [shrink(content) for content in contents.to_pylist()]


def ingest(files: list[str], target: str, decoder: str) -> None:
    """Read, shrink, write. Daft resizes to one size for all; that of most photos here has as many pixels."""
    shutil.rmtree(target, ignore_errors=True)
    photos = daft.from_pydict({"path": files}).with_column("bytes", col("path").download())
    if decoder == "theirs":
        pixels = col("bytes").decode_image(mode="RGB").resize(256, 341)
        photos = photos.with_column("image", pixels.encode_image("jpeg"))
    else:
        photos = photos.with_column("image", shrink_batch(col("bytes")))
    photos.select("path", "image").write_parquet(target)


if __name__ == "__main__":
    folder, target, decoder = sys.argv[1:]
    files = sorted(str(file) for file in Path(folder).rglob("*.jpg"))
    ingest(files[:200], target, decoder)
    started = time.perf_counter()
    ingest(files, target, decoder)
    print(json.dumps({"runs": [(len(files), started, time.perf_counter())]}))
