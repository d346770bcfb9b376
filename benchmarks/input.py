"""Training input: darkroom's batches against a bare loop of decode and crop, and against four loaders.

Every contender gives shuffled uint8 batches of 32 random views of 224 px of the same JPEGs of short side 256 px; the
network would normalise them. darkroom reads its dataset, a peer its own form of it, written beforehand. The
ceiling's threads have the bytes in memory and decode whole images. The same loop without the rows below a view, which
darkroom and the peers with our decoder leave out too, is told apart. These three take turns of two seconds. A peer has
an epoch that warms up and one that counts.
"""

import argparse
import itertools
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
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
from pipelines.train.world import KEEP_FREED_MEMORY

SIDE_PX, BATCH = 224, 32
TURN = 128  # batches
SETTLE_SECONDS = 0.2  # until what was begun ahead is done, and takes nothing of the next one's turn
Turn = Callable[[], float]  # which returns its seconds
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
    parser.add_argument("--turns", type=int, default=15, help="of darkroom and the ceilings, some two seconds each")
    parser.add_argument("--peers", default="|".join(PEERS), help="which peers, separated by |")
    words = parser.parse_args()
    if not os.environ.keys() >= KEEP_FREED_MEMORY.keys():  # glibc reads it when a process starts, as `train` starts its
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**KEEP_FREED_MEMORY, **os.environ})
    num_threads = len(all_cores())
    many, some = (dataset(photos(words.images, number)) for number in (words.number, words.peer_number))
    images: list[bytes] = pq.read_table(many / "data", columns=["image"])["image"].to_pylist()
    measured = rates_in_turns(
        {
            "ceiling": bare_loop(images, num_threads, whole=True),
            "darkroom": darkroom(many, num_threads),
            NO_ROWS_BELOW: bare_loop(images, num_threads, whole=False),
        },
        words.turns,
    )
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


def rates_in_turns(contenders: dict[str, Turn], num_turns: int) -> dict[str, float]:
    """Let each take a turn of seconds after the other, so often after one that does not count; return images a second.

    A shared host's cores change their speed from minute to minute: so all see the same minutes.
    """
    seconds = dict.fromkeys(contenders, 0.0)
    for number in range(1 + num_turns):
        took = {name: turn() for name, turn in contenders.items()}
        say(", ".join(f"{name} {TURN * BATCH / took[name]:.0f} images/s" for name in took))
        if number:
            seconds = {name: seconds[name] + took[name] for name in took}
    return {name: num_turns * TURN * BATCH / seconds[name] for name in seconds}


def darkroom(folder: Path, num_threads: int) -> Turn:
    """Return what takes the seconds of TURN batches as `train` reads them, epoch after epoch."""
    how = Preprocessing(policy=Policy(), resize_px=256, crop_px=SIDE_PX, mean=(0.5,) * 3, std=(0.5,) * 3)
    shards = (Shard(f"file://{folder}", "train", 0, 1, epoch, 0, "crop") for epoch in itertools.count())
    batches = itertools.chain.from_iterable(batches_of(shard, how, BATCH, num_threads) for shard in shards)

    def turn() -> float:
        skip(batches, num_threads + 1)  # what was decoded ahead when the last turn ended
        took = seconds_of(lambda: skip(batches, TURN))
        time.sleep(SETTLE_SECONDS)
        return took

    return turn


def bare_loop(images: list[bytes], num_threads: int, *, whole: bool) -> Turn:
    """Return what takes the seconds of threads that decode and crop as many images, which lie in memory."""
    chunks = itertools.cycle(images[start : start + BATCH] for start in range(0, len(images), BATCH))
    pool = ThreadPoolExecutor(num_threads, initializer=torch.set_num_threads, initargs=(1,))
    random = itertools.count()

    def work(chunk: list[bytes]) -> None:
        generator = np.random.default_rng(next(random))
        for content in chunk:
            random_crop(content, SIDE_PX, generator, whole=whole)

    return lambda: seconds_of(lambda: skip(pool.map(work, itertools.islice(chunks, TURN)), TURN))


def skip(items: Iterator[object], number: int) -> None:
    """Take so many."""
    for _ in itertools.islice(items, number):
        pass


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


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
