"""Ingest: source → dataset, rejects, and a table that says what became of every file."""

import math
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.dataset import FileCounts, Manifest, load_manifest, manifest_uri
from pipelines.errors import ConfigError, DarkroomError, DataError
from pipelines.frames import small_frame
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.manifest import count_files, describe, parameters_of
from pipelines.ingest.prepare import Plan, write_parts
from pipelines.ingest.rows import Splits, decide_outcomes, shuffle
from pipelines.ingest.settle import drop_copies, place, read_outcomes
from pipelines.ingest.sources import list_files
from pipelines.publish import publish, staged, staging_uri

KNOWN_SCHEMA = "uri string, size_bytes long, modified_at double, image_id string, outcome string"
FILE_COLUMNS = ("uri", "size_bytes", "modified_at", "label_name", "image_id", "outcome", "reason", "moments")


def check(config: IngestConfig) -> None:
    """Look at source and target before Spark starts.

    Raises:
        ConfigError: no such source, or a target that was made with other settings.
    """
    if not storage.exists(config.source):
        raise ConfigError(f"source={config.source} does not exist")
    if storage.exists(manifest_uri(config.target)):
        made_with = load_manifest(config.target).parameters
        for key, value in parameters_of(config).items():
            if made_with.get(key) != value:
                raise ConfigError(
                    f"{key}={value}, but {config.target} was made with {key}={made_with.get(key)};"
                    " use that value or another target"
                )


def ingest(spark: SparkSession, config: IngestConfig) -> dict[str, Any]:
    """Run one ingest and return its counts; a target that has files already gets only the new ones."""
    with staged(config.target) as staging:
        old = load_manifest(config.target) if storage.exists(manifest_uri(config.target)) else None
        known = _known_files(spark, config.target, old)
        listed = _stage(list_files(spark, config.source), storage.join(staging, "_listed"))
        new = listed.where(~F.col("skipped")).join(known, ["uri", "size_bytes", "modified_at"], "left_anti")
        num_new, num_bytes = _count_and_size(new)
        num_skipped = listed.where("skipped").count()
        if not num_new:
            return _nothing_new(config, old, num_skipped)
        run, folder = _num_runs(config.target), storage.join(staging, "_prepared")
        classes = _classes(new, old)
        plan = _plan(config, classes, folder, num_new)
        num_parts = num_parts_of(num_new, num_bytes)
        parts = write_parts(shuffle(new, _folder_of(config.source), seed=config.seed, num_parts=num_parts), plan)
        outcomes = decide_outcomes(read_outcomes(spark, parts, folder), _accepted_ids(known))
        split = F.when(F.col("outcome") == "accepted", F.col("split")).alias("split")
        files = _stage(outcomes.select(*FILE_COLUMNS, split), storage.join(staging, "files"))
        counts = count_files(files, num_read=num_new, num_skipped=num_skipped)
        _refuse_too_many_rejects(files, counts, config)
        if counts.duplicates:
            parts = drop_copies(parts, outcomes, folder, plan.group_rows)
        if (num_rows := place(parts, folder, staging, run)) != counts.accepted:
            raise DarkroomError(f"{num_rows} rows were stored, but {counts.accepted} accepted; run it again")
        everything = files.unionByName(spark.read.parquet(files_uri(config.target))) if old else files
        manifest = describe(everything, config, classes, num_skipped)
        storage.write_json(storage.join(staging, "dataset.json"), manifest.model_dump())
        publish(
            config.target,
            ["data", "rejects", "files"],
            ["dataset.json"],
            run=run,
            append=old is not None,
        )
    return summarise(config, manifest, counts)


def _nothing_new(config: IngestConfig, old: Manifest | None, num_skipped: int) -> dict[str, Any]:
    if old is None:
        raise DataError(f"source={config.source} has no images; {num_skipped} other files were skipped")
    storage.remove(staging_uri(config.target))
    return summarise(config, old, FileCounts(read=0, accepted=0, duplicates=0, rejected=0, skipped=num_skipped))


def _num_runs(target: str) -> int:
    """Count the runs that added to the dataset, from the names of their files, part-RUN-NUMBER."""
    return len({name.split("-")[1] for name in storage.names(files_uri(target)) if name.startswith("part-")})


def files_uri(target: str) -> str:
    """Return the table that says what became of every file."""
    return storage.join(target, "files")


def _known_files(spark: SparkSession, target: str, old: Manifest | None) -> DataFrame:
    if old is None:
        return small_frame(spark, [], KNOWN_SCHEMA)
    return spark.read.parquet(files_uri(target)).select("uri", "size_bytes", "modified_at", "image_id", "outcome")


def _stage(frame: DataFrame, uri: str) -> DataFrame:
    """Write a frame aside and return what was written, so that nothing is computed twice."""
    frame.write.mode("overwrite").parquet(uri)
    return frame.sparkSession.read.parquet(uri)


def _count_and_size(files: DataFrame) -> tuple[int, int]:
    row = files.agg(F.count("*"), F.coalesce(F.sum("size_bytes"), F.lit(0))).first()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _classes(new: DataFrame, old: Manifest | None) -> tuple[str, ...]:
    """Keep the order of known classes, so that labels stay; append new ones by name."""
    known = old.classes if old else ()
    found = {row[0] for row in new.select("label_name").distinct().collect()} - {None}
    return (*known, *sorted(found - set(known), key=_place))


def _place(class_name: str) -> tuple[bool, int, str]:
    """Sort by name; numbers, as .lst files have them, come first and in their own order."""
    is_number = class_name.isascii() and class_name.isdigit()
    return not is_number, int(class_name) if is_number else 0, class_name


def num_parts_of(num_files: int, num_bytes: int) -> int:
    """Return how many tasks read the files, and Parquet files hold the images: the same on any cluster.

    64 of them where that makes no less than 64 photos each, which is a tenth of a second; more above 4096 photos or
    1 GiB a task.
    """
    return max(math.ceil(num_files / 4096), math.ceil(num_bytes / 2**30), min(64, math.ceil(num_files / 64)))


def _plan(config: IngestConfig, classes: tuple[str, ...], folder: str, num_files: int) -> Plan:
    """Make many small row groups, so that every process of a training run gets its share of a small dataset."""
    splits = Splits(config.val_percent, config.test_percent)
    labels = {name: label for label, name in enumerate(classes)}
    return Plan(config.policy(), splits, labels, folder, group_rows=min(max(num_files // 128, 1), 128))


def _folder_of(source: str) -> str:
    return source if storage.is_dir(source) else source.rsplit("/", 1)[0]


def _accepted_ids(known: DataFrame) -> DataFrame:
    return known.where(F.col("outcome") == "accepted").select("image_id").distinct()


def _refuse_too_many_rejects(files: DataFrame, counts: FileCounts, config: IngestConfig) -> None:
    ratio = counts.rejected / counts.read
    if ratio <= config.max_reject_ratio and (counts.accepted + counts.duplicates or config.max_reject_ratio == 1):
        return
    rejected = files.where(F.col("outcome") == "rejected")
    reasons = {row[0]: row[1] for row in rejected.groupBy("reason").count().collect()}
    examples = [row[0] for row in rejected.select("uri").orderBy("uri").limit(3).collect()]
    raise DataError(
        f"{counts.rejected} of {counts.read} files were rejected ({ratio:.1%}), but max_reject_ratio is "
        f"{config.max_reject_ratio:.1%}; reasons: {reasons}; for example {', '.join(examples)}. "
        f"Nothing was written; run with a higher max_reject_ratio to get a table of all of them"
    )


def summarise(config: IngestConfig, manifest: Manifest, counts: FileCounts) -> dict[str, Any]:
    """Return what the job prints: this run's counts, and the dataset as it is now."""
    return {
        **counts.model_dump(),
        "nothing_new": not counts.read,
        "classes": len(manifest.classes),
        "rows": {split: manifest.rows(split) for split in manifest.counts},
        "dataset_id": manifest.dataset_id,
        "dataset": config.target,
        "rejects": storage.join(config.target, "rejects"),
    }
