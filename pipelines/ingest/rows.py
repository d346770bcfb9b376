"""Decide what becomes of each prepared row: its outcome, split, label and place in the order."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.dataset import COLUMNS

OUTCOMES = ("accepted", "duplicate", "rejected")


def split_of(*, val_percent: int, test_percent: int) -> Column:
    """Return train, val or test: what the source says, else by the content hash: copies never sit on both sides."""
    bucket = F.conv(F.substring("image_id", 1, 8), 16, 10).cast("long") % 100
    by_hash = F.when(bucket < test_percent, "test").when(bucket < test_percent + val_percent, "val").otherwise("train")
    return F.coalesce(F.col("split"), by_hash)


def decide_outcomes(prepared: DataFrame, known_ids: DataFrame) -> DataFrame:
    """Add `outcome`. Of files with the same bytes the one with the smallest URI is accepted.

    `known_ids` are images that the dataset holds already. Give rows without pixels: this shuffles.
    """
    first = F.row_number().over(Window.partitionBy("reason", "image_id").orderBy("uri", "modified_at")) == 1
    outcome = (
        F.when(F.col("reason").isNotNull(), "rejected")
        .when(first & F.col("known").isNull(), "accepted")
        .otherwise("duplicate")
    )
    known = known_ids.select("image_id", F.lit(True).alias("known"))
    return prepared.join(known, "image_id", "left").withColumn("outcome", outcome).drop("known")


def arrange(
    prepared: DataFrame,
    known_ids: DataFrame,
    classes: tuple[str, ...],
    *,
    val_percent: int,
    test_percent: int,
    seed: int,
    num_files: int,
) -> DataFrame:
    """Return the rows of the dataset, ordered in each file by a seeded hash of their content.

    One shuffle, of canonical images. The result depends on nothing but the rows and the arguments.
    """
    key = F.xxhash64(F.col("image_id"), F.lit(seed))
    labels = F.create_map(*[F.lit(part) for pair in enumerate(classes) for part in reversed(pair)])
    same_image = Window.partitionBy("key", "image_id").orderBy("uri", "modified_at")
    return (
        prepared.where(F.col("reason").isNull())
        .join(F.broadcast(known_ids.select("image_id")), "image_id", "left_anti")
        .withColumn("split", split_of(val_percent=val_percent, test_percent=test_percent))
        .withColumn("key", key)
        .withColumn("label", labels[F.col("label_name")].cast("long"))
        .repartition(num_files, "key")
        .withColumn("copy", F.row_number().over(same_image))
        .where(F.col("copy") == 1)
        .sortWithinPartitions("split", "key", "image_id")
        .select(*COLUMNS, "split")
    )
