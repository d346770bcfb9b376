"""Batches of one process: petastorm reads its row groups, threads decode and augment."""

import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import torch
from petastorm.errors import NoDataAvailableError
from petastorm.fs_utils import get_filesystem_and_path_or_paths
from petastorm.reader import Reader

from pipelines import storage
from pipelines.ahead import map_ahead
from pipelines.dataset import split_uri
from pipelines.images.decode import Pixels
from pipelines.images.stored import decode_box, decode_canonical, frame_of
from pipelines.model.preprocess import Preprocessing, central_square, resize_square
from pipelines.train.augment import augment, draws_of, generator_of
from pipelines.train.legacy_filesystem import legacy
from pipelines.train.own import Augmentation
from pipelines.train.pool import SerialPool
from pipelines.train.row_groups import COLUMNS, GroupWorker, views_of


class Shard(NamedTuple):
    """Which part of a split a process reads, and in which order."""

    dataset: str
    split: str
    rank: int
    size: int
    epoch: int
    seed: int
    augmentation: str = "none"


class Batch(NamedTuple):
    """images uint8 (B, 3, S, S), channels last in memory; labels int64 (B,)."""

    images: torch.Tensor
    labels: torch.Tensor


class Row(NamedTuple):
    """One image of the dataset."""

    image_id: str
    label: int
    image: memoryview


def rows_of(shard: Shard) -> Iterator[Row]:
    """Read the rows of a shard once: over all ranks every row of the split, whatever the row groups.

    The order depends on seed and epoch alone. Where there are fewer row groups than ranks, rank 0 reads them all.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # petastorm uses names that pyarrow 14 calls old
        try:
            reader = _reader(shard, cur_shard=shard.rank, shard_count=shard.size)
        except NoDataAvailableError:
            if shard.rank:
                return
            reader = _reader(shard)
        try:
            for group in reader:
                image_ids, labels = (group[name].to_pylist() for name in ("image_id", "label"))
                yield from map(Row, image_ids, labels, views_of(group["image"]))
        finally:
            reader.stop()
            reader.join()


def _reader(shard: Shard, **part: Any) -> Any:
    uri = split_uri(shard.dataset, shard.split)
    if storage.local_path(uri):
        filesystem, path = get_filesystem_and_path_or_paths(uri)
    else:
        with storage.filesystem(uri) as (remote, path):
            filesystem = legacy(remote)
    return Reader(
        filesystem,
        path,
        schema_fields=COLUMNS,
        worker_class=GroupWorker,
        is_batched_reader=True,
        reader_pool=SerialPool(),
        num_epochs=1,
        shuffle_row_groups=True,
        seed=1 + 1_000_003 * shard.seed + shard.epoch,  # petastorm takes a seed of 0 for none
        **part,
    )


def batches_of(
    shard: Shard,
    preprocessing: Preprocessing,
    batch_size: int,
    num_threads: int,
    skip_rows: int = 0,
    own: Augmentation | None = None,
) -> Iterator[Batch]:
    """Yield the shard's batches, decoded ahead, one a thread; the first `skip_rows` rows are not decoded.

    `own` changes the pixels in place of the shard's augmentation.
    """
    rows = islice(rows_of(shard), skip_rows, None)
    chunks = iter(lambda: list(islice(rows, batch_size)), [])

    def load(chunk: list[Row]) -> Batch:
        pixels = torch.empty((len(chunk), preprocessing.crop_px, preprocessing.crop_px, 3), dtype=torch.uint8)
        for row, out in zip(chunk, pixels.numpy(), strict=True):
            _write_view(row, shard, preprocessing, own, out)
        return Batch(pixels.permute(0, 3, 1, 2), torch.tensor([row.label for row in chunk]))

    yield from map_ahead(load, chunks, num_threads=num_threads, depth=num_threads + 1, begin=_stay_alone)


def _stay_alone() -> None:
    """Keep torch from splitting this thread's work among more threads: for one photo they cost more than they bring.

    Threads that run already, as the one that trains, keep theirs.
    """
    torch.set_num_threads(1)


def _write_view(row: Row, shard: Shard, preprocessing: Preprocessing, own: Augmentation | None, out: Pixels) -> None:
    """Decode a row to its place in a batch; of a training image a random view."""
    image, interpolation = row.image, preprocessing.interpolation
    source = shard.seed, shard.epoch, row.image_id
    if own:
        resize_square(own(decode_canonical(image), generator_of(*source)), interpolation, out)
    elif shard.augmentation == "none":
        frame = frame_of(image)
        square = central_square(frame.height_px, frame.width_px, preprocessing)
        resize_square(decode_box(image, frame, square), interpolation, out)
    else:
        augment(image, shard.augmentation, interpolation, draws_of(*source), out)
