"""How a search goes on, with runs that take no time: its verb is a function here, everything else is as it is."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pipelines import storage
from pipelines.config import load
from pipelines.errors import ConfigError, DarkroomError, StorageError
from pipelines.train.config import TrainConfig
from pipelines.tune import run as searches
from pipelines.tune.config import TuneConfig
from pipelines.tune.run import nothing_new, tune
from pipelines.validate.runs import VERBS

Run = Callable[[Any, TrainConfig], dict[str, Any]]
CONTEXT = SimpleNamespace(
    defaultParallelism=2, _jsc=SimpleNamespace(sc=lambda: SimpleNamespace(isStopped=lambda: False))
)
SPARK: Any = SimpleNamespace(sparkContext=CONTEXT)
RATES = "space.learning_rate=[0.1,0.2,0.3,0.4]"


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], list[float]]:
    """Let a function stand for train; the list has the rate of each run, in the order in which they began."""
    storage.write_json(f"{tmp_path}/dataset/dataset.json", {})
    manifest = SimpleNamespace(dataset_id="one", rows=lambda split: 1)  # noqa: ARG005
    monkeypatch.setattr(searches, "_manifest", lambda config: manifest)  # noqa: ARG005

    def use(run: Run) -> list[float]:
        begun = list[float]()

        def noted(spark: Any, config: TrainConfig) -> dict[str, Any]:
            begun.append(config.learning_rate)
            return run(spark, config)

        monkeypatch.setitem(VERBS, "train", VERBS["train"]._replace(run=noted))
        return begun

    return use


def score_is_rate(_: Any, config: TrainConfig) -> dict[str, Any]:
    return {"val_accuracy": config.learning_rate, "stopped": ""}


def settings(folder: Path, *words: str) -> TuneConfig:
    return load(TuneConfig, [f"dataset={folder}/dataset", f"target={folder}/search", *words])


def trials_of(folder: Path) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = json.loads((folder / "search" / "tuning.json").read_text())["trials"]
    return trials


def test_a_grid_tries_each_combination_once_and_the_best_is_a_conf_of_the_verb(tmp_path: Path, verb: Any) -> None:
    begun = verb(score_is_rate)
    words = ("search=grid", RATES, "space.model_args.width=[32,64]", "settings.model_args.depth=3")
    found = tune(SPARK, settings(tmp_path, *words))
    assert sorted(begun) == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    assert (found["trials"], found["measured"], found["val_accuracy"]) == (8, 8, 0.4)
    best = load(TrainConfig, [f"{tmp_path}/search/best.yaml"])
    assert (best.learning_rate, best.model_args) == (0.4, {"depth": 3, "width": 32})
    assert best.dataset == f"file://{tmp_path}/dataset"
    assert set(yaml.safe_load((tmp_path / "search" / "best.yaml").read_text())) == {
        *("dataset", "target", "model_args", "learning_rate")
    }


def test_the_report_stands_alone_and_has_four_plots(tmp_path: Path, verb: Any) -> None:
    verb(score_is_rate)
    rates = f"space.learning_rate={[number / 20 for number in range(1, 21)]}"
    tune(SPARK, settings(tmp_path, "search=grid", rates, "space.optimizer=[sgd,adamw]"))
    shares = json.loads((tmp_path / "search" / "tuning.json").read_text())["importance"]
    assert shares["learning_rate"] > 0.8
    page = (tmp_path / "search" / "report.html").read_text()
    assert page.count("<svg") == 4
    assert "<script" not in page and "src=" not in page and "url(http" not in page
    assert "optimizer" in page and "1.0000" in page


def test_too_few_trials_say_nothing_of_importance(tmp_path: Path, verb: Any) -> None:
    verb(lambda _, config: {"val_accuracy": config.learning_rate + config.momentum / 100, "stopped": ""})
    tune(SPARK, settings(tmp_path, "search=grid", "space.learning_rate=[0.1,0.2]", "space.momentum=[0.1,0.2]"))
    assert json.loads((tmp_path / "search" / "tuning.json").read_text())["importance"] == {}
    assert "Importance" not in (tmp_path / "search" / "report.html").read_text()


class Killed(BaseException):
    """The process is gone."""


def test_a_search_that_was_cut_off_loses_no_trial_and_runs_none_twice(tmp_path: Path, verb: Any) -> None:
    runs = itertools.count()

    def cut_off(spark: Any, config: TrainConfig) -> dict[str, Any]:
        if next(runs) == 2:
            raise Killed
        return score_is_rate(spark, config)

    config = settings(tmp_path, "search=grid", RATES)
    begun = verb(cut_off)
    with pytest.raises(Killed):
        tune(SPARK, config)
    assert begun == [0.1, 0.2, 0.3] and not (tmp_path / "search").exists()
    begun = verb(score_is_rate)
    assert tune(SPARK, config)["measured"] == 4
    assert begun == [0.3, 0.4]


def test_a_finished_search_has_nothing_new_and_more_trials_go_on_with_it(tmp_path: Path, verb: Any) -> None:
    words = ("space.learning_rate.low=0.001", "space.learning_rate.high=1", "space.learning_rate.log=true", "seed=5")
    verb(score_is_rate)
    assert nothing_new(settings(tmp_path, *words, "num_trials=7")) is None
    tune(SPARK, settings(tmp_path, *words, "num_trials=7"))
    before = trials_of(tmp_path)
    ended = nothing_new(settings(tmp_path, *words, "num_trials=7"))
    assert ended and (ended["trials"], ended["nothing_new"]) == (7, True)
    begun = verb(score_is_rate)
    tune(SPARK, settings(tmp_path, *words, "num_trials=9"))
    assert trials_of(tmp_path)[:7] == before and len(trials_of(tmp_path)) == 9
    assert len(begun) == 2 and len({trial["values"]["learning_rate"] for trial in trials_of(tmp_path)}) == 9


def test_a_bayesian_search_comes_nearer_to_the_best_than_chance(tmp_path: Path, verb: Any) -> None:
    verb(lambda _, config: {"val_accuracy": 1 - abs(config.momentum - 0.6), "stopped": ""})
    missed = {}
    for search in ("random", "bayesian"):
        words = ("space.momentum.low=0", "space.momentum.high=0.99", f"search={search}", "num_trials=25", "seed=3")
        tune(SPARK, settings(tmp_path / search, *words))
        late = [trial["values"]["momentum"] for trial in trials_of(tmp_path / search)[10:]]
        missed[search] = sum(abs(momentum - 0.6) for momentum in late) / len(late)
    assert missed["bayesian"] < 0.75 * missed["random"]


def test_a_training_below_the_median_is_asked_to_stop_after_an_epoch(tmp_path: Path, verb: Any) -> None:
    def three_epochs(_: Any, config: TrainConfig) -> dict[str, Any]:
        history = []
        for epoch in range(3):
            history.append({"epoch": epoch, "val_accuracy": config.learning_rate})
            storage.write_json(f"{config.run_uri()}/metrics.json", history)
            deadline = time.monotonic() + (20 if config.learning_rate < 0.1 else 0)
            while time.monotonic() < deadline:
                if storage.exists(f"{config.run_uri()}/stop"):
                    return {**history[-1], "stopped": "stop"}
                time.sleep(0.05)
        return {**history[-1], "stopped": ""}

    verb(three_epochs)
    words = ("search=grid", "space.learning_rate=[0.3,0.4,0.01]", "settings.epochs=3", "prune_after_trials=2")
    found = tune(SPARK, settings(tmp_path, *words))
    assert (found["measured"], found["pruned"]) == (2, 1)
    first, _, third = trials_of(tmp_path)
    assert first["figures"] == {"1": 0.3, "2": 0.3, "3": 0.3}
    assert third["figures"] == {"1": 0.01} and third["score"] is None


def test_trials_side_by_side_stay_within_their_slots(tmp_path: Path, verb: Any) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def counted(spark: Any, config: TrainConfig) -> dict[str, Any]:
        with lock:
            now[0] += config.num_processes
            most[0] = max(most[0], now[0])
        time.sleep(0.2)
        with lock:
            now[0] -= config.num_processes
        return score_is_rate(spark, config)

    verb(counted)
    words = ("search=grid", RATES, "space.num_processes=[1,2]", "side_by_side=6", "slots=3")
    assert tune(SPARK, settings(tmp_path, *words))["measured"] == 8
    assert 2 <= most[0] <= 3


def test_a_trial_that_fails_is_told_and_the_search_goes_on(tmp_path: Path, verb: Any) -> None:
    def fails_at_first(spark: Any, config: TrainConfig) -> dict[str, Any]:
        if config.learning_rate == 0.1:
            raise RuntimeError("out of memory <b>")
        return score_is_rate(spark, config)

    verb(fails_at_first)
    found = tune(SPARK, settings(tmp_path, "search=grid", RATES))
    assert (found["measured"], found["failed"]) == (3, 1)
    assert trials_of(tmp_path)[0]["error"] == "RuntimeError: out of memory <b>"
    assert "out of memory &lt;b&gt;" in (tmp_path / "search" / "report.html").read_text()


def test_a_search_of_which_everything_fails_ends_after_three_trials(tmp_path: Path, verb: Any) -> None:
    def fails(*_: Any) -> dict[str, Any]:
        raise RuntimeError("out of memory")

    begun = verb(fails)
    with pytest.raises(DarkroomError, match="3 trials failed, and none was measured; RuntimeError: out of memory"):
        tune(SPARK, settings(tmp_path, "search=grid", RATES))
    assert len(begun) == 3


def test_a_storage_that_is_away_ends_the_search_and_fails_no_trial(tmp_path: Path, verb: Any) -> None:
    def away(*_: Any) -> dict[str, Any]:
        raise StorageError("the storage does not answer")

    verb(away)
    config = settings(tmp_path, "search=grid", RATES)
    with pytest.raises(StorageError):
        tune(SPARK, config)
    verb(score_is_rate)
    assert tune(SPARK, config)["failed"] == 0


def test_a_metric_that_no_run_has_is_named_with_those_there_are(tmp_path: Path, verb: Any) -> None:
    verb(score_is_rate)
    with pytest.raises(ConfigError, match="metric=val_f1: the runs do not measure it; they have val_accuracy"):
        tune(SPARK, settings(tmp_path, "search=grid", RATES, "metric=val_f1"))
