"""Score: photos or a dataset, and a bundle → predictions and rejects, one row for every input."""

import math
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.dataset import load_manifest, manifest_uri
from pipelines.errors import ConfigError, DarkroomError, DataError
from pipelines.ingest.sources import list_files
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import choose_engine
from pipelines.publish import publish, staged
from pipelines.score.config import ScoreConfig
from pipelines.score.predict import ModelUse, score_images

TASK_BYTES = 16 * 2**20
PREDICTION_COLUMNS = ("image_id", "uri", "label_name", "confidence", "top_k", "model_id")


def check(config: ScoreConfig) -> None:
    """Look at source and model before Spark starts.

    Raises:
        ConfigError: one of them does not exist, or the model brings code that is not trusted.
        DataError: the model is damaged.
    """
    for key in ("source", "model"):
        if not storage.exists(uri := getattr(config, key)):
            raise ConfigError(f"{key}={uri} does not exist")
    load_bundle(config.model, config.trust_code)


def score(spark: SparkSession, config: ScoreConfig) -> dict[str, Any]:
    """Run one scoring job and return its counts; an earlier result is replaced as a whole."""
    bundle = load_bundle(config.model, config.trust_code)
    choice = choose_engine(bundle, config.engine, config.num_threads)
    use = ModelUse(bundle.uri, choice.name, config.top_k, config.batch_size, config.num_threads, config.trust_code)
    with staged(config.target) as staging:
        inputs, num_inputs, num_skipped = _inputs(spark, config, staging)
        _write(score_images(inputs, use), staging)
        summary = {
            **_count(spark, staging, num_inputs),
            "skipped": num_skipped,
            "engine": choice.name,
            "precision": choice.precision,
            "model_id": bundle.info.model_id,
            "predictions": storage.join(config.target, "predictions"),
            "rejects": storage.join(config.target, "rejects"),
        }
        storage.write_json(storage.join(staging, "score.json"), summary)
        publish(config.target, ["predictions", "rejects"], ["score.json"], run=0, append=False)
    return summary


def _write(answers: DataFrame, staging: str) -> None:
    """Run the model once, then part predictions from rejects."""
    answers.write.mode("overwrite").parquet(storage.join(staging, "_scored"))
    scored = answers.sparkSession.read.parquet(storage.join(staging, "_scored"))
    predictions = scored.where(F.col("reason").isNull()).select(*PREDICTION_COLUMNS)
    predictions.write.parquet(storage.join(staging, "predictions"))
    rejects = scored.where(F.col("reason").isNotNull()).coalesce(1)
    rejects.select("uri", "reason", "message", "bytes").write.parquet(storage.join(staging, "rejects"))


def _inputs(spark: SparkSession, config: ScoreConfig, staging: str) -> tuple[DataFrame, int, int]:
    """Return the rows to score, their number, and how many files were skipped."""
    if storage.exists(manifest_uri(config.source)):
        manifest = load_manifest(config.source)
        rows = spark.read.parquet(storage.join(config.source, "data")).select("image_id", "uri", "image")
        return rows, sum(manifest.rows(split) for split in manifest.counts), 0
    list_files(spark, config.source, labelled=False).write.mode("overwrite").parquet(storage.join(staging, "_listed"))
    listed = spark.read.parquet(storage.join(staging, "_listed"))
    files = listed.where(~F.col("skipped"))
    row = files.agg(F.count("*"), F.sum("size_bytes")).first()
    num_files, num_bytes = (int(row[0]), int(row[1] or 0)) if row else (0, 0)
    num_skipped = listed.count() - num_files
    if not num_files:
        raise DataError(f"source={config.source} has no images; {num_skipped} other files were skipped")
    tasks = max(math.ceil(num_bytes / TASK_BYTES), spark.sparkContext.defaultParallelism)
    return files.select("uri", "size_bytes").repartition(min(tasks, num_files)), num_files, num_skipped


def _count(spark: SparkSession, staging: str, num_inputs: int) -> dict[str, int]:
    num_predictions = spark.read.parquet(storage.join(staging, "predictions")).count()
    num_rejects = spark.read.parquet(storage.join(staging, "rejects")).count()
    if num_predictions + num_rejects != num_inputs:
        raise DarkroomError(
            f"{num_inputs} inputs, but {num_predictions} predictions and {num_rejects} rejects; "
            "nothing was published, run it again"
        )
    return {"inputs": num_inputs, "predicted": num_predictions, "rejected": num_rejects}
