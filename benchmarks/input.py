"""Training input: darkroom's batches against a bare loop of decode and crop, and against four loaders.

Every contender gives shuffled uint8 batches of 32 random views of 224 px of the same JPEGs of short side 256 px; the
network would normalise them. darkroom reads its dataset, a peer its own form of it, written beforehand. An epoch
before the one that counts warms up. The ceiling's threads have the bytes in memory and decode whole images; it is
measured before and after. The same loop without the rows below a view, which darkroom and the peers with our decoder
leave out too, is told apart.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from benchmarks.jobs import all_cores, dataset
from benchmarks.peers import venv
from benchmarks.photos import CACHE, photos
from benchmarks.pixels import random_crop
from benchmarks.results import keep, say
from pipelines.images.policy import Policy
from pipelines.model.preprocess import Preprocessing
from pipelines.train.batches import Shard, batches_of

SIDE_PX, BATCH = 224, 32
NO_ROWS_BELOW = "the loop without the rows below"
LOADERS = ("dataloader", "webdataset", "mosaicml-streaming", "litdata")
PEERS = {f"{name}{', our decoder' * ours}": (name, ours) for name in LOADERS for ours in (False, True)}
CONFIGURED = {
    "all peers": "Pillow and torchvision's v2 transforms on uint8 tensors, or our decoder and crop; torch's DataLoader "
    "with 2 and with 3 worker processes that stay, the faster one counts",
    "dataloader": "ImageFolder, shuffled",
    "webdataset": "six tar files, shuffled, with a buffer of 1,000; WebLoader",
    "mosaicml-streaming": "MDS files of 64 MB, local, shuffled",
    "litdata": "optimize() to chunks of 64 MB, local, shuffled; StreamingDataLoader",
}


def main() -> None:
    """Measure all of them and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--number", type=int, default=16_000, help="photos that darkroom and the ceiling take")
    parser.add_argument("--peer-number", type=int, default=1_500, help="photos that each peer takes")
    parser.add_argument("--rounds", type=int, default=3, help="darkroom's epochs, with a ceiling before and after each")
    parser.add_argument("--peers", default="|".join(PEERS), help="which peers, separated by |")
    words = parser.parse_args()
    num_threads = len(all_cores())
    many, some = (dataset(photos(words.images, number)) for number in (words.number, words.peer_number))
    contents = images_of(many)
    epoch_rate(many, 0, num_threads)
    measured = between_ceilings(
        lambda number: epoch_rate(many, 1 + number, num_threads),
        lambda: ceiling(contents, num_threads, whole=True),
        words.rounds,
    )
    measured[NO_ROWS_BELOW] = ceiling(contents, num_threads, whole=False)
    folder, workers = export(some), {}
    for name in filter(None, words.peers.split("|")):
        loader, ours = PEERS[name]
        found = venv.run("training_input", loader, "ours" if ours else "theirs", folder, CACHE / "peer-input")
        measured[name], workers[name] = found["images_per_second"], found["workers"]
        say(f"{name} {measured[name]:.0f} images/s with {workers[name]} workers")
    keep(
        "input",
        measured,
        images=words.number,
        peer_images=words.peer_number,
        photos=(words.images and Path(words.images).name) or "made",
        threads=num_threads,
        workers=workers,
        configured=CONFIGURED,
    )


def between_ceilings(run: Callable[[int], float], ceiling: Callable[[], float], num_rounds: int) -> dict[str, float]:
    """Run darkroom so often, called with the round's number, with a ceiling before and after; return mean rates."""
    ceilings, rates = [ceiling()], []
    for number in range(num_rounds):
        rates.append(run(number))
        ceilings.append(ceiling())
        say(f"darkroom {rates[-1]:.0f}, ceiling {ceilings[-2]:.0f} and {ceilings[-1]:.0f} images/s")
    return {"ceiling": sum(ceilings) / len(ceilings), "darkroom": sum(rates) / len(rates)}


def epoch_rate(folder: Path, epoch: int, num_threads: int) -> float:
    """Return images a second of an epoch as `train` reads it."""
    torch.set_num_threads(num_threads)
    how = Preprocessing(policy=Policy(), resize_px=256, crop_px=SIDE_PX, mean=(0.5,) * 3, std=(0.5,) * 3)
    shard = Shard(f"file://{folder}", "train", 0, 1, epoch, 0, "crop")
    started = time.perf_counter()
    num_images = sum(len(batch.labels) for batch in batches_of(shard, how, BATCH, num_threads))
    return num_images / (time.perf_counter() - started)


def ceiling(contents: list[bytes], num_threads: int, *, whole: bool) -> float:
    """Return images a second of threads that decode and crop what lies in memory."""
    torch.set_num_threads(1)

    def work(start: int) -> int:
        random = np.random.default_rng(start)
        some = contents[start : start + BATCH]
        return sum(len(random_crop(content, SIDE_PX, random, whole=whole)) for content in some)

    started = time.perf_counter()
    with ThreadPoolExecutor(num_threads) as pool:
        sum(pool.map(work, range(0, len(contents), BATCH)))
    return len(contents) / (time.perf_counter() - started)


def images_of(folder: Path) -> list[bytes]:
    """Read a dataset's images into memory."""
    images: list[bytes] = pq.read_table(folder / "data", columns=["image"])["image"].to_pylist()
    return images


def export(folder: Path) -> Path:
    """Write a dataset's images as label/photo.jpg, for the peers to read or to bring into their own form."""
    target = CACHE / "exported" / folder.name
    if not target.exists():
        shutil.rmtree(aside := target.with_suffix(".part"), ignore_errors=True)
        for row in pq.read_table(folder / "data", columns=["image_id", "label_name", "image"]).to_pylist():
            place = aside / row["label_name"] / f"{row['image_id']}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(row["image"])
        aside.rename(target)
    return target


if __name__ == "__main__":
    main()
