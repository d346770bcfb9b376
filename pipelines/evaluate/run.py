"""Evaluate: a bundle on one split of a dataset → metrics, a page to read, predictions."""

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.dataset import load_manifest, split_uri
from pipelines.errors import ConfigError, DarkroomError, DataError
from pipelines.evaluate.config import EvaluateConfig
from pipelines.evaluate.metrics import measure, most_confident_mistakes
from pipelines.evaluate.report import render
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import choose_engine
from pipelines.publish import publish, staged
from pipelines.score.predict import ModelUse, score_images
from pipelines.score.run import PREDICTION_COLUMNS


def check(config: EvaluateConfig) -> None:
    """Look at dataset and model before Spark starts.

    Raises:
        DataError: no dataset, or no rows in the split.
        ConfigError: no bundle, or one with other classes.
    """
    manifest, bundle = load_manifest(config.dataset), load_bundle(config.model, config.trust_code)
    if not manifest.rows(config.split):
        raise DataError(f"dataset={config.dataset} has no rows in split={config.split}")
    if unknown := sorted(set(manifest.classes) - set(bundle.info.classes)):
        raise ConfigError(f"model={config.model} does not know the dataset's classes {unknown}")


def evaluate(spark: SparkSession, config: EvaluateConfig) -> dict[str, Any]:
    """Run one evaluation and return its main figures; an earlier result is replaced."""
    manifest, bundle = load_manifest(config.dataset), load_bundle(config.model, config.trust_code)
    choice = choose_engine(bundle, config.engine, 1)
    about = {
        "split": config.split,
        "dataset": config.dataset,
        "model_id": bundle.info.model_id,
        "architecture": bundle.info.architecture,
        "engine": choice.name,
        "precision": choice.precision,
    }
    rows = spark.read.parquet(split_uri(config.dataset, config.split))
    with staged(config.target) as staging:
        scored = _predict(
            rows,
            ModelUse(bundle.uri, choice.name, trust_code=config.trust_code, precision=choice.precision),
            storage.join(staging, "predictions"),
        )
        metrics = measure(scored, bundle.info.classes)
        if metrics.num_images != (expected := manifest.rows(config.split)):
            raise DarkroomError(f"{metrics.num_images} of {expected} rows of {config.split} were scored; run it again")
        wrong = most_confident_mistakes(scored.join(rows.select("image_id", "image"), "image_id"), config.num_mistakes)
        storage.write_bytes(storage.join(staging, "report.html"), render(metrics, wrong, about).encode())
        storage.write_json(storage.join(staging, "metrics.json"), {**about, **metrics.model_dump()})
        publish(config.target, ["predictions"], ["metrics.json", "report.html"], run=0, append=False)
    main = ("num_images", "accuracy", "top5_accuracy", "macro_f1", "calibration_error")
    outputs = {name: storage.join(config.target, name) for name in ("metrics.json", "report.html", "predictions")}
    figures = {key: getattr(metrics, key) for key in main}
    return {**about, **figures, "min_accuracy": config.min_accuracy, **outputs}


def verdict(summary: dict[str, Any]) -> str:
    """Return why the model is not good enough, nothing if it is."""
    if summary["accuracy"] >= summary["min_accuracy"]:
        return ""
    return (
        f"model {summary['model_id']} has accuracy={summary['accuracy']:.4f} on {summary['split']}, below "
        f"min_accuracy={summary['min_accuracy']}; look at {summary['report.html']}"
    )


def _predict(rows: DataFrame, use: ModelUse, uri: str) -> DataFrame:
    """Write the predictions for labelled rows, with their true labels, and return what was written."""
    answers = score_images(rows.select("image_id", "uri", "image"), use)
    truth = rows.select("image_id", F.col("label_name").alias("true_label_name"))
    predictions = answers.where(F.col("reason").isNull()).select(*PREDICTION_COLUMNS).join(truth, "image_id")
    predictions.write.mode("overwrite").parquet(uri)
    return rows.sparkSession.read.parquet(uri)
