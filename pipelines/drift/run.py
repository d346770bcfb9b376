"""Drift: predictions of many days → how far each day is from the model's training photos."""

import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.dataset import load_manifest
from pipelines.drift.config import DriftConfig
from pipelines.drift.days import Day, Reference, bin_of, classes_of, describe_days
from pipelines.drift.report import render
from pipelines.errors import ConfigError, DataError
from pipelines.evaluate.metrics import NUM_BINS
from pipelines.publish import publish, staged


def check(config: DriftConfig) -> None:
    """Look at predictions, dataset and evaluation before Spark starts.

    Raises:
        ConfigError: there are no predictions, or no evaluation.
        DataError: no dataset, or one without training rows.
    """
    if not storage.is_dir(_table(config)):
        raise ConfigError(f"predictions={config.predictions} does not exist; give the target of score or score_stream")
    _reference(config)


def drift(spark: SparkSession, config: DriftConfig) -> dict[str, Any]:
    """Compare each day with the reference, write the report, and return what the last days say."""
    predictions = _read(spark, config).persist()
    reference = classes_of(predictions, _reference(config))
    days = describe_days(predictions, reference, config)
    predictions.unpersist()
    if not days:
        raise DataError(f"predictions={config.predictions} has no rows in the days asked for")
    with staged(config.target) as staging:
        storage.write_bytes(storage.join(staging, "report.html"), render(days, reference, config).encode())
        summary = _summarise(days, config)
        document = {**summary, "reference": reference.model_dump(), "by_day": [day.model_dump() for day in days]}
        storage.write_json(storage.join(staging, "drift.json"), document)
        publish(config.target, [], ["drift.json", "report.html"], run=0, append=False)
    outputs = {name: storage.join(config.target, name) for name in ("drift.json", "report.html")}
    return {**summary, **outputs}


def verdict(summary: dict[str, Any]) -> str:
    """Return what is wrong with the days that were judged, nothing if all is well."""
    if not summary["drifted_days"]:
        return ""
    return (
        f"the predictions of {', '.join(summary['drifted_days'])} are no longer distributed like the training photos: "
        f"{summary['measure']} is above threshold={summary['threshold']}; look at {summary['report.html']}, and "
        "train on newer photos, or raise the threshold"
    )


def _table(config: DriftConfig) -> str:
    """Return the folder of Parquet files: that of a target, or the one that was given."""
    inside = storage.join(config.predictions, "predictions")
    return inside if storage.is_dir(inside) else config.predictions


def _read(spark: SparkSession, config: DriftConfig) -> DataFrame:
    """Read date, label_name, confidence, model_id; a run that was not about days counts for the day it was made on."""
    rows = spark.read.parquet(_table(config))
    if missing := {"label_name", "confidence", "model_id"} - set(rows.columns):
        raise DataError(f"predictions={config.predictions} lacks {sorted(missing)}; its columns are {rows.columns}")
    if "date" not in rows.columns:
        made = storage.stat(storage.join(config.predictions, "score.json")) or storage.stat(_table(config))
        day = datetime.datetime.fromtimestamp(made.modified_at if made else 0.0, datetime.UTC).date()
        rows = rows.withColumn("date", F.lit(day))
    rows = rows.select("date", "label_name", "confidence", "model_id")
    if config.first_day:
        rows = rows.where(F.col("date") >= F.lit(config.first_day))
    return rows.where(F.col("date") <= F.lit(config.last_day)) if config.last_day else rows


def _reference(config: DriftConfig) -> Reference:
    """Take the classes' counts from the dataset's train split, confidences from the evaluation's calibration."""
    manifest = load_manifest(config.dataset)
    if not manifest.rows("train"):
        raise DataError(f"dataset={config.dataset} has no rows in its train split")
    counts = tuple(manifest.counts["train"].get(name, 0) for name in manifest.classes)
    reference = Reference(classes=manifest.classes, counts=counts)
    if not config.evaluation:
        return reference
    try:
        metrics = storage.read_json(storage.join(config.evaluation, "metrics.json"))
    except FileNotFoundError as error:
        raise ConfigError(f"evaluation={config.evaluation} has no metrics.json; give the target of evaluate") from error
    confidences, total = [0] * NUM_BINS, 0.0
    for item in metrics["calibration"]:
        confidences[bin_of(item["confidence"])] += item["count"]
        total += item["count"] * item["confidence"]
    confidence = {"confidences": tuple(confidences), "mean_confidence": total / sum(confidences)}
    return reference.model_copy(update={**confidence, "model_id": metrics["model_id"]})


def _summarise(days: list[Day], config: DriftConfig) -> dict[str, Any]:
    judged = [day for day in days[-config.judge_days :] if day.judged]
    last = days[-1]
    return {
        "drifted": any(day.drifted for day in judged),
        "drifted_days": [day.date for day in judged if day.drifted],
        "judged_days": [day.date for day in judged],
        "days": len(days),
        "measure": config.measure,
        "threshold": config.limit(),
        "last_day": last.date,
        "num_images": last.num_images,
        "mean_confidence": round(last.mean_confidence, 4),
        "classes": _rounded(last.classes_drift),
        "confidence": _rounded(last.confidence_drift) if last.confidence_drift else None,
    }


def _rounded(comparison: Any) -> dict[str, Any]:
    return {key: round(value, 4) if key != "drifted" else value for key, value in comparison.model_dump().items()}
