"""A process's batches: every row once over all processes, whatever the shards."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import simplejpeg

from pipelines.images.policy import Policy
from pipelines.model.preprocess import Preprocessing
from pipelines.train.batches import Shard, batches_of, rows_of

PREPROCESSING = Preprocessing(policy=Policy(), resize_px=18, crop_px=16, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "data" / "split=train").mkdir(parents=True)
    random = np.random.default_rng(0)
    images = [simplejpeg.encode_jpeg(random.integers(0, 256, (20, 24, 3), dtype=np.uint8)) for _ in range(101)]
    table = pa.table({"image_id": [f"{n:032x}" for n in range(101)], "label": range(101), "image": images})
    pq.write_table(table, folder / "data" / "split=train" / "part-0.parquet", row_group_size=13)
    return f"file://{folder}"


def shard(dataset: str, rank: int = 0, size: int = 1, epoch: int = 0, *, augmentation: str = "none") -> Shard:
    return Shard(dataset, "train", rank, size, epoch, 0, augmentation)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 20])
def test_every_row_is_read_once_over_all_processes(dataset: str, size: int) -> None:
    labels = [row.label for rank in range(size) for row in rows_of(shard(dataset, rank, size, epoch=3))]
    assert sorted(labels) == list(range(101))


def test_a_row_has_the_bytes_that_were_stored_with_its_label(dataset: str) -> None:
    stored = pq.read_table(dataset.removeprefix("file://"), columns=["label", "image"]).to_pylist()
    read = {row.label: bytes(row.image) for row in rows_of(shard(dataset))}
    assert read == {row["label"]: row["image"] for row in stored}


def test_epochs_differ_in_order(dataset: str) -> None:
    first, second = ([row.label for row in rows_of(shard(dataset, epoch=epoch))] for epoch in (0, 1))
    assert first != second


def test_the_same_epoch_gives_the_same_batches(dataset: str) -> None:
    one, two = (
        list(batches_of(shard(dataset, augmentation="crop_color_transform"), PREPROCESSING, 8, threads))
        for threads in (1, 3)
    )
    assert len(one) == 13
    assert all((a.images == b.images).all() and (a.labels == b.labels).all() for a, b in zip(one, two, strict=True))


def test_skipped_rows_are_those_of_the_first_steps(dataset: str) -> None:
    whole = list(batches_of(shard(dataset), PREPROCESSING, 8, 1))
    rest = list(batches_of(shard(dataset), PREPROCESSING, 8, 1, skip_rows=16))
    assert [batch.labels.tolist() for batch in rest] == [batch.labels.tolist() for batch in whole[2:]]


def test_a_batch_has_the_shape_of_the_network_input(dataset: str) -> None:
    batch = next(batches_of(shard(dataset, augmentation="crop_color_transform"), PREPROCESSING, 8, 1))
    assert tuple(batch.images.shape) == (8, 3, 16, 16)
