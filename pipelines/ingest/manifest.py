"""Count a staged run and describe the dataset that it makes."""

import hashlib
import json
import math
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines import __version__
from pipelines.dataset import SPLITS, FileCounts, Manifest
from pipelines.errors import DarkroomError
from pipelines.ingest.config import IngestConfig


def parameters_of(config: IngestConfig) -> dict[str, Any]:
    """Return the settings that decide about the content of a dataset."""
    decisive = ("val_percent", "test_percent", "seed")
    return {**config.policy().model_dump(), **{key: getattr(config, key) for key in decisive}}


def count_files(files: DataFrame, *, num_read: int, num_skipped: int) -> FileCounts:
    """Count the outcomes of a run and hold them against the files listed.

    Raises:
        DarkroomError: files read = accepted + duplicates + rejected does not hold.
    """
    counted = {row["outcome"]: row["count"] for row in files.groupBy("outcome").count().collect()}
    counts = FileCounts(
        read=num_read,
        accepted=counted.get("accepted", 0),
        duplicates=counted.get("duplicate", 0),
        rejected=counted.get("rejected", 0),
        skipped=num_skipped,
    )
    if counts.read != counts.accepted + counts.duplicates + counts.rejected:
        raise DarkroomError(f"the counts do not add up: {counts}; nothing was published, run it again")
    return counts


def describe(files: DataFrame, config: IngestConfig, classes: tuple[str, ...], num_skipped: int) -> Manifest:
    """Make the manifest from the rows of TARGET/files, old and new."""
    accepted = files.where(F.col("outcome") == "accepted")
    counts = {split: dict.fromkeys(classes, 0) for split in SPLITS}
    for row in accepted.groupBy("split", "label_name").count().collect():
        counts[row["split"]][row["label_name"]] = row["count"]
    mean, std = _pixel_statistics(accepted)
    document: dict[str, Any] = {
        "classes": classes,
        "counts": counts,
        "pixel_mean": mean,
        "pixel_std": std,
        "parameters": parameters_of(config),
        "source": config.source,
        "code_version": __version__,
        "files": count_files(files, num_read=files.count(), num_skipped=num_skipped).model_dump(),
    }
    content = accepted.select(F.bit_xor(F.xxhash64("image_id", "label_name", "split"))).first()
    digest = hashlib.blake2b(json.dumps([document, content and content[0]]).encode(), digest_size=16)
    return Manifest(dataset_id=digest.hexdigest(), **document)


def _pixel_statistics(accepted: DataFrame) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of r, g, b over the training images, rounded to 1e-6."""
    train = accepted.where(F.col("split") == "train")
    means = train.select(*[F.avg(F.col("moments")[i]) for i in range(6)]).first()
    if means is None or means[0] is None:
        return [0.5] * 3, [0.5] * 3
    mean = [round(means[i], 6) for i in range(3)]
    std = [max(round(math.sqrt(max(means[i + 3] - means[i] ** 2, 0.0)), 6), 1e-6) for i in range(3)]
    return mean, std
