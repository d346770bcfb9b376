"""Searches over trainings: side by side within their slots, stopped in the middle, and one that fails."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipelines.config import load
from pipelines.tune.config import TuneConfig
from pipelines.tune.run import check, tune

SETTINGS = (
    *("settings.image_size=16", "settings.batch_size=8", "settings.augmentation=none", "settings.num_processes=1"),
    *("settings.warmup_epochs=0", "search=grid"),
)


@pytest.fixture(autouse=True)
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITNESS_FILE", str(tmp_path / "witness"))


def search(spark: SparkSession, work: Path, target: Path, *words: str) -> list[dict[str, Any]]:
    config = load(TuneConfig, [f"dataset={work}/dataset", f"target={target}", *SETTINGS, *words])
    check(config)
    tune(spark, config)
    trials: list[dict[str, Any]] = json.loads((target / "tuning.json").read_text())["trials"]
    return trials


def test_trainings_go_side_by_side_and_a_bad_one_is_stopped_after_an_epoch(
    spark: SparkSession, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITNESS_SECONDS", "0.4")
    rates = "space.learning_rate=[0.5,0.4,0.0000001]"
    words = ("settings.model=tests.train.networks:Witness", "settings.epochs=6", "side_by_side=2", "slots=2")
    trials = search(spark, work, tmp_path / "rates", rates, *words, "prune_after_trials=1")
    states = [trial["state"] for trial in trials]
    assert states[2] == "pruned" and "measured" in states[:2]
    assert 1 <= len(trials[2]["figures"]) < 6
    processes = [line.split()[0] for line in (tmp_path / "witness").read_text().splitlines()]
    switches = sum(before != after for before, after in itertools.pairwise(processes))
    assert switches > len(set(processes)), "the first two trainings took turns"


def test_a_training_that_fails_is_told_and_the_search_goes_on(spark: SparkSession, work: Path, tmp_path: Path) -> None:
    models = "space.model=[tests.train.networks:Failing,tests.train.networks:Witness]"
    failed, measured = search(spark, work, tmp_path / "models", models, "settings.epochs=1")
    assert failed["state"] == "failed" and "this network does not work" in failed["error"]
    assert (measured["state"], list(measured["figures"])) == ("measured", ["1"])
    assert "this network does not work" in (tmp_path / "models" / "report.html").read_text()
