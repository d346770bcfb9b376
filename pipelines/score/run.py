"""Score: photos or a dataset, and a bundle → predictions and rejects, one row for every input."""

import datetime
import logging
from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.errors import ConfigError, DarkroomError, DataError
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import EngineChoice, choose_engine
from pipelines.publish import publish, staged
from pipelines.score.config import ScoreConfig
from pipelines.score.days import folder_above, has_date
from pipelines.score.inputs import Inputs, is_dataset, list_once, read_day, read_everything
from pipelines.score.predict import ModelUse, score_images
from pipelines.score.results import DAYS, document_of, made_from, read_document, summarise, tables_of

PREDICTION_COLUMNS = ("image_id", "uri", "label_name", "confidence", "top_k", "model_id")


def check(config: ScoreConfig) -> None:
    """Look at source, model and target before Spark starts.

    Raises:
        ConfigError: one of them does not exist, the model brings code that is not trusted, or the target holds
            results of the other kind, with or without days.
        DataError: the model is damaged.
    """
    for key, uri in (("source", folder_above(config.source)), ("model", config.model)):
        if not storage.exists(uri):
            raise ConfigError(f"{key}={uri} does not exist")
    load_bundle(config.model, config.trust_code)
    if (
        config.days()
        and not has_date(config.source)
        and (is_dataset(config.source) or not storage.is_dir(config.source))
    ):
        raise ConfigError(f"source={config.source} has no days: give a folder of photos, or a source with {{date}}")
    other = document_of(None) if config.days() else DAYS
    if storage.exists(storage.join(config.target, other)):
        kind = "a run without days" if config.days() else "runs of single days (date=, or from= and to=)"
        raise ConfigError(f"target={config.target} holds the results of {kind}; use another target")


def score(spark: SparkSession, config: ScoreConfig) -> dict[str, Any]:
    """Run one scoring job and return its counts; an earlier result, or that of the same days, is replaced.

    Each day is published by itself. What was made from the same inputs by the same model stays as it is.
    """
    bundle = load_bundle(config.model, config.trust_code)
    settings = (config.top_k, config.batch_size, config.num_threads, config.trust_code)
    choice: EngineChoice | None = None
    documents, num_scored = [], 0
    with staged(config.target) as staging:
        for day, inputs in _parts(spark, config, staging):
            document = read_document(config, day)
            origin = made_from(config, inputs.identity, bundle.info.model_id)
            if (document or {}).get("made_from") != origin and (inputs.num_inputs or document):
                choice = choice or choose_engine(bundle, config.engine, config.num_threads)
                use = ModelUse(bundle.uri, choice.name, *settings, choice.precision)
                made_by = {"engine": choice.name, "precision": choice.precision, "model_id": bundle.info.model_id}
                document = {**_score(inputs, use, staging, day), **made_by}
                storage.write_json(storage.join(staging, document_of(day)), {**document, "made_from": origin})
                publish(config.target, tables_of(day), [document_of(day)], run=0, append=False)
                num_scored += 1
            documents += [document] if document else []
            _log_day(day, document)
        storage.remove(staging)
    return summarise(config, documents, num_scored)


def _parts(spark: SparkSession, config: ScoreConfig, staging: str) -> Iterator[tuple[datetime.date | None, Inputs]]:
    """Yield what is published as one: everything, or each day."""
    if not config.days():
        inputs = read_everything(spark, config.source, staging)
        if not inputs.num_inputs:
            raise DataError(f"source={config.source} has no images; {inputs.num_skipped} other files were skipped")
        yield None, inputs
        return
    listed = list_once(spark, config)
    for day in config.days():
        yield day, read_day(spark, config, day, listed, staging)


def _score(inputs: Inputs, use: ModelUse, staging: str, day: datetime.date | None) -> dict[str, int]:
    """Write the tables of one part aside, and return its counts."""
    predictions, rejects = (storage.join(staging, table) for table in tables_of(day))
    _write(score_images(inputs.rows, use), staging, predictions, rejects)
    counts = _count(inputs.rows.sparkSession, predictions, rejects, inputs.num_inputs)
    return {**counts, "skipped": inputs.num_skipped}


def _write(answers: DataFrame, staging: str, predictions_uri: str, rejects_uri: str) -> None:
    """Run the model once, then part predictions from rejects."""
    answers.write.mode("overwrite").parquet(storage.join(staging, "_scored"))
    scored = answers.sparkSession.read.parquet(storage.join(staging, "_scored"))
    predictions = scored.where(F.col("reason").isNull()).select(*PREDICTION_COLUMNS)
    predictions.write.parquet(predictions_uri)
    rejects = scored.where(F.col("reason").isNotNull()).coalesce(1)
    rejects.select("uri", "reason", "message", "bytes").write.parquet(rejects_uri)


def _count(spark: SparkSession, predictions_uri: str, rejects_uri: str, num_inputs: int) -> dict[str, int]:
    num_predictions = spark.read.parquet(predictions_uri).count()
    num_rejects = spark.read.parquet(rejects_uri).count()
    if num_predictions + num_rejects != num_inputs:
        raise DarkroomError(
            f"{num_inputs} inputs, but {num_predictions} predictions and {num_rejects} rejects; "
            "nothing was published, run it again"
        )
    return {"inputs": num_inputs, "predicted": num_predictions, "rejected": num_rejects}


def _log_day(day: datetime.date | None, document: dict[str, Any] | None) -> None:
    if day and document:
        counts = ", ".join(f"{document[key]} {key}" for key in ("inputs", "predicted", "rejected"))
        logging.getLogger(__name__).info("%s: %s", day, counts)
    elif day:
        logging.getLogger(__name__).info("%s: no photos", day)
