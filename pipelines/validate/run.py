"""Validate: train or fit on folds of a dataset → mean, deviation, interval, and a comparison on the same folds."""

import hashlib
import logging
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession

from pipelines import __version__, storage
from pipelines.errors import ConfigError
from pipelines.lock import locked
from pipelines.publish import publish, staged
from pipelines.validate.config import ValidateConfig
from pipelines.validate.folds import Fold, check_folds, folds_of, part, rows_to_part
from pipelines.validate.plan import check_plan, write_plan
from pipelines.validate.report import render
from pipelines.validate.runs import at_once, check_runs, check_slots, metric_of, run_fold
from pipelines.validate.statistics import compare, estimate, share_interval

FREE = ("target", "compare", "side_by_side")  # settings that change no run


def check(config: ValidateConfig) -> None:
    """Look at folds, dataset and the settings of the runs before Spark starts.

    Raises:
        ConfigError, DataError: what the verb or the parting would say; or an earlier run with other settings.
    """
    check_folds(config)
    check_runs(config.verb, config.settings, config.dataset, config.target, config.side_by_side)
    check_plan(config.target, _plan(config))
    if config.compare and not storage.exists(storage.join(config.compare, "validation.json")):
        raise ConfigError(f"compare={config.compare} has no validation.json; make it with darkroom validate")


def validate(spark: SparkSession, config: ValidateConfig) -> dict[str, Any]:
    """Run all folds and return what they say; folds that were measured before a kill are not run again."""
    check_slots(spark, config.verb, config.settings, config.side_by_side)
    rows = rows_to_part(spark, config)
    parted = part(rows, config, config.method)
    folds_id = hashlib.sha256(parted.to_csv(index=False).encode()).hexdigest()[:32]
    earlier = _earlier(config, folds_id)
    with locked(f"{config.target}-run"):
        write_plan(config.target, _plan(config))
        results = _run(spark, config, parted)
    scores = [metric_of(result, config.metric) for result in results]
    report = {**_report(config, parted, results, scores), "folds_id": folds_id}
    if earlier:
        versus = compare(scores, [run["score"] for run in earlier["runs"]], report["test_to_train"])
        report |= {"compared_with": config.compare, "comparison": versus.model_dump()}
    with staged(config.target) as staging:
        spark.createDataFrame(parted).coalesce(1).write.parquet(storage.join(staging, "folds"))
        storage.write_json(storage.join(staging, "validation.json"), report)
        storage.write_bytes(storage.join(staging, "report.html"), render(report, earlier).encode())
        publish(config.target, ["folds"], ["validation.json", "report.html"], run=0, append=False)
    main = {key: report[key] for key in ("metric", "method", "mean", "deviation", "low", "high")}
    versus_said = {"comparison": report["comparison"]} if earlier else {}
    places = {name: storage.join(config.target, name) for name in ("validation.json", "report.html", "folds")}
    return {"runs": len(scores), "rows": len(rows), **main, **versus_said, **places}


def _run(spark: SparkSession, config: ValidateConfig, parted: pd.DataFrame) -> list[dict[str, Any]]:
    """Run every fold, so many side by side, and say each one's figure."""
    log, folds = logging.getLogger(__name__), folds_of(parted)

    def run(fold: Fold) -> dict[str, Any]:
        place = storage.join(f"{config.target}-run", fold.name)
        result = run_fold(spark, config.verb, config.settings, config.dataset, place, parted, fold)
        log.info("%s (%d in all): %s %.4f", fold.name, len(folds), config.metric, metric_of(result, config.metric))
        return result

    return list(at_once(run, folds, config.side_by_side))


def _report(
    config: ValidateConfig, parted: pd.DataFrame, results: list[dict[str, Any]], scores: list[float]
) -> dict[str, Any]:
    """Describe all runs and what they say together."""
    runs, shares = [], []
    for fold, result, score in zip(folds_of(parted), results, scores, strict=True):
        folds = parted.loc[parted["repeat"] == fold.repeat, "fold"]
        measured = int((folds == fold.number).sum())
        shares.append(measured / (len(folds) - measured))
        runs.append({**fold._asdict(), "measured_rows": measured, "score": score, "result": result})
    ratio = sum(shares) / len(shares)
    found = estimate(scores, ratio).model_dump()
    if len(scores) == 1 and config.metric == "val_accuracy":
        number = int(runs[0]["measured_rows"])
        found["low"], found["high"] = share_interval(round(scores[0] * number), number)
    about = {**config.model_dump(exclude={"target", "compare", "side_by_side"}), "code_version": __version__}
    return {**about, **found, "test_to_train": ratio, "runs": runs}


def _earlier(config: ValidateConfig, folds_id: str) -> dict[str, Any]:
    """Read the validation to compare with.

    Raises:
        ConfigError: it has other folds or another metric.
    """
    if not config.compare:
        return {}
    earlier: dict[str, Any] = storage.read_json(storage.join(config.compare, "validation.json"))
    if earlier["folds_id"] != folds_id:
        keys = ("method", "folds", "repeats", "seed", "group_by", "splits", "holdout_percent")
        raise ConfigError(
            f"compare={config.compare} has other folds, so no paired test is possible; give the same rows and "
            + ", ".join(f"{key}={earlier[key]}" for key in keys)
        )
    if earlier["metric"] != config.metric:
        raise ConfigError(f"compare={config.compare} measured {earlier['metric']}; give metric={earlier['metric']}")
    return earlier


def _plan(config: ValidateConfig) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude=set(FREE))
