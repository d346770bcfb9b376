"""The dataset on disk: TARGET/data/split=*/part-*.parquet, and what TARGET/dataset.json says of it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pyspark.sql import DataFrame

from pipelines import storage
from pipelines.errors import DataError
from pipelines.images.policy import Policy

SPLITS = ("train", "val", "test")
COLUMNS = ("image_id", "uri", "label", "label_name", "width_px", "height_px", "image")


class FileCounts(BaseModel):
    """What became of the files of a source: read = accepted + duplicates + rejected."""

    model_config = ConfigDict(frozen=True)

    read: int
    accepted: int
    duplicates: int
    rejected: int
    skipped: int


class Manifest(BaseModel):
    """TARGET/dataset.json. `classes[label]` is a label's name; means and deviations are of 0..1 pixels."""

    model_config = ConfigDict(frozen=True)

    dataset_id: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]
    parameters: dict[str, Any]
    source: str
    code_version: str
    files: FileCounts

    def rows(self, split: str) -> int:
        """Return the number of rows of a split."""
        return sum(self.counts[split].values())

    def policy(self) -> Policy:
        """Return the image policy that the dataset was made with."""
        return Policy(**{key: self.parameters[key] for key in Policy.model_fields})


def manifest_uri(dataset: str) -> str:
    """Return where a dataset's manifest lies."""
    return storage.join(dataset, "dataset.json")


def split_uri(dataset: str, split: str) -> str:
    """Return the folder of a split's Parquet files."""
    return storage.join(dataset, "data", f"split={split}")


def load_manifest(dataset: str) -> Manifest:
    """Read a dataset's manifest.

    Raises:
        DataError: there is none, or it is not one that this version reads.
    """
    try:
        return Manifest.model_validate(storage.read_json(manifest_uri(dataset)))
    except FileNotFoundError as error:
        raise DataError(f"{dataset} is no dataset: it has no dataset.json; make one with darkroom ingest") from error
    except (ValidationError, ValueError) as error:
        raise DataError(f"{manifest_uri(dataset)} is damaged: {error}") from error


def write_rows(rows: DataFrame, uri: str, num_bytes: int) -> None:
    """Write a dataset's rows, by split; `num_bytes` is the size of them all.

    Many small row groups, so that every process of a training run gets its share of a small dataset.
    """
    row_group_bytes = min(max(num_bytes // 128, 4096), 4 * 2**20)
    writer = rows.write.mode("overwrite").partitionBy("split").option("parquet.block.size", row_group_bytes)
    writer = writer.option("parquet.page.size.row.check.min", 8).option("parquet.page.size.row.check.max", 64)
    writer.parquet(uri)
