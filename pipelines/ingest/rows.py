"""Decide the order of the files, the split of each image, and what becomes of each row."""

from typing import NamedTuple

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


class Splits(NamedTuple):
    """Shares of two splits in percent; the rest is for training."""

    val_percent: int
    test_percent: int

    def of(self, image_id: str) -> str:
        """Return train, val or test by the content's hash alone: copies never sit on both sides."""
        bucket = int(image_id[:8], 16) % 100
        if bucket < self.test_percent:
            return "test"
        return "val" if bucket < self.test_percent + self.val_percent else "train"


def shuffle(files: DataFrame, folder: str, *, seed: int, num_parts: int) -> DataFrame:
    """Spread listed files over partitions, in each in the order of a seeded hash of their path below `folder`.

    The place of a file depends on its path, the seed and `num_parts` alone. Shuffles names, not pixels.
    """
    path = F.when(F.col("uri").startswith(f"{folder}/"), F.expr(f"substring(uri, {len(folder) + 2})"))
    keyed = files.withColumn("key", F.xxhash64(F.coalesce(path, "uri"), F.lit(seed)))
    return keyed.repartition(num_parts, "key").sortWithinPartitions("key", "uri", "label_name")


def decide_outcomes(prepared: DataFrame, known_ids: DataFrame) -> DataFrame:
    """Add `outcome`. Of files with the same bytes the one with the smallest URI is accepted.

    `known_ids` are images that the dataset holds already. Give rows without pixels: this shuffles.
    """
    same = Window.partitionBy("reason", "image_id").orderBy("uri", "modified_at", "row")
    outcome = (
        F.when(F.col("reason").isNotNull(), "rejected")
        .when((F.row_number().over(same) == 1) & F.col("known").isNull(), "accepted")
        .otherwise("duplicate")
    )
    known = known_ids.select("image_id", F.lit(True).alias("known"))
    return prepared.join(known, "image_id", "left").withColumn("outcome", outcome).drop("known")
