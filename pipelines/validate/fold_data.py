"""The dataset of one fold: the same rows with other splits, as any job reads them."""

import hashlib
import math
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.dataset import SPLITS, manifest_uri, write_rows
from pipelines.errors import DarkroomError
from pipelines.features.table import feature_manifest_uri
from pipelines.validate.folds import Fold

FILE_BYTES = 64 * 2**20  # images or features in one Parquet file


def write_fold(spark: SparkSession, dataset: str, target: str, parted: pd.DataFrame, fold: Fold) -> None:
    """Write a fold's rows as train and val, once; its manifest comes last and says that it is whole.

    Datasets of photos and tables of features alike. The mean and deviation of pixels stay those of the dataset.
    """
    features = storage.exists(feature_manifest_uri(dataset))
    document = feature_manifest_uri if features else manifest_uri
    if storage.exists(document(target)):
        return
    mine = parted[parted["repeat"] == fold.repeat]
    splits = (mine["fold"] == fold.number).map({True: "val", False: "train"})
    chosen = spark.createDataFrame(pd.DataFrame({"image_id": mine["image_id"], "split": splits}))
    rows = spark.read.parquet(storage.join(dataset, "data")).drop("split").join(F.broadcast(chosen), "image_id")
    data = storage.join(target, "data")
    num_bytes = _num_bytes(rows, "features" if features else "image")
    key = F.xxhash64("image_id", F.lit(fold.number))
    arranged = rows.withColumn("key", key).repartition(max(1, math.ceil(num_bytes / FILE_BYTES)), "key")
    write_rows(arranged.sortWithinPartitions("split", "key", "image_id").drop("key"), data, num_bytes)
    manifest = storage.read_json(document(dataset))
    counts = _counts(spark.read.parquet(data), manifest["classes"])
    if (found := sum(sum(by_class.values()) for by_class in counts.values())) != len(mine):
        raise DarkroomError(f"{found} of {len(mine)} rows of {fold.name} were written; run it again")
    identity = f"{manifest['dataset_id']} {fold} {sorted(zip(mine['image_id'], splits, strict=True))}"
    manifest |= {"counts": counts, "dataset_id": hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()}
    if features:
        manifest["extractor"] = manifest["extractor"] or storage.join(dataset, "model")
    storage.write_json(document(target), manifest)


def _num_bytes(rows: DataFrame, column: str) -> int:
    size = F.length(column) if column == "image" else F.size(column) * 4
    row = rows.agg(F.sum(size)).first()
    return int(row[0] or 0) if row else 0


def _counts(rows: DataFrame, classes: list[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, Any]] = {split: dict.fromkeys(classes, 0) for split in SPLITS}
    for row in rows.groupBy("split", "label_name").agg(F.count("*").alias("n")).collect():
        counts[row["split"]][row["label_name"]] = row["n"]
    return counts
