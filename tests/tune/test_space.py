"""What is searched: misspelt keys, wrong types and empty ranges are named before anything starts."""

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from pipelines.config import load
from pipelines.errors import ConfigError
from pipelines.fit.config import FitConfig
from pipelines.train.config import TrainConfig
from pipelines.tune.config import TuneConfig
from pipelines.tune.space import grid_of, largest, probes_of, settings_with, space_of


def of_train(space: dict[str, Any], **settings: Any) -> Any:
    return space_of(TrainConfig, space, settings)


def test_lists_ranges_and_entries_become_what_optuna_searches() -> None:
    axes = of_train(
        {
            "learning_rate": {"low": "1e-4", "high": 0.1, "log": True},
            "epochs": {"low": 2, "high": 10, "step": 4},
            "optimizer": ["sgd", "adamw"],
            "model_args": {"width": [32, 64]},
        }
    )
    assert [axis.key for axis in axes] == ["learning_rate", "epochs", "optimizer", "model_args.width"]
    assert [axis.distribution for axis in axes] == [
        FloatDistribution(0.0001, 0.1, log=True),
        IntDistribution(2, 10, step=4),
        CategoricalDistribution(['"sgd"', '"adamw"']),
        CategoricalDistribution(["32", "64"]),
    ]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"lerning_rate": [0.1]}, r"space.lerning_rate: unknown key; did you mean learning_rate\?"),
        ({"learning_rate": ["fast"]}, "space.learning_rate='fast': Input should be a valid number"),
        ({"learning_rate": [0.1, -1]}, "space.learning_rate=-1: Input should be greater than 0"),
        ({"optimizer": ["adm"]}, r"space.optimizer='adm': .*did you mean adam\?"),
        ({"epochs": {"low": 1.5, "high": 3}}, "space.epochs=1.5: Input should be a valid integer"),
        ({"epochs": {"low": 1, "hihg": 3}}, r"space.epochs.hihg: unknown key; did you mean high\?"),
        ({"epochs": {"low": 5, "high": 5}}, "space.epochs: the range is empty: low=5 must be below high=5"),
        ({"learning_rate": {"low": 3, "high": 1}}, "space.learning_rate: the range is empty"),
        ({"momentum": {"low": 0, "high": 0.9, "log": True}}, "space.momentum: log=true needs a low above 0"),
        ({"epochs": []}, r"space.epochs=\[\] is empty"),
        ({"epochs": [3, 3]}, "space.epochs: 3 is there twice"),
        ({"epochs": 3}, "space.epochs=3 is one value; give a list, a range .* or settings.epochs=3"),
        ({"optimizer": {"low": 1, "high": 2}}, "space.optimizer=1: known are sgd, adam"),
        ({"freeze_backbone": {"low": 0, "high": 1}}, "space.freeze_backbone takes no numbers"),
        ({"model_args": [1]}, r"give space.model_args.NAME="),
        ({"target": ["/a", "/b"]}, "space.target is not searched"),
    ],
)
def test_a_wrong_space_is_named(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        of_train(space)


def test_a_key_is_fixed_or_searched_but_not_both() -> None:
    with pytest.raises(ConfigError, match="settings.epochs=3 is fixed and space.epochs is searched"):
        of_train({"epochs": [1, 2]}, epochs=3)


def test_a_grid_is_every_combination_of_lists_and_steps() -> None:
    space = space_of(
        FitConfig, {"select": ["pca", ["var10", "pca"]], "max_depth": {"low": 2, "high": 6, "step": 2}}, {}
    )
    assert len(grid_of(space)) == 6
    assert {(combination["select"], combination["max_depth"]) for combination in grid_of(space)} == {
        (select, depth) for select in ('["pca"]', '["var10", "pca"]') for depth in (2, 4, 6)
    }
    tenths = of_train({"weight_decay": {"low": 0, "high": 0.3, "step": 0.1}})
    assert [point["weight_decay"] for point in grid_of(tenths)] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_grid_over_a_range_without_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="search=grid cannot try all of space.momentum"):
        grid_of(of_train({"momentum": {"low": 0, "high": 0.9}}))
    with pytest.raises(ConfigError, match="search=grid would try 1000000 combinations"):
        grid_of(of_train({"seed": {"low": 1, "high": 10**6}}))


def test_values_are_put_beside_the_fixed_settings() -> None:
    fixed = {"epochs": 3, "model_args": {"depth": 2}}
    assert settings_with(fixed, {"model_args.width": 64, "momentum": 0.5}) == {
        "epochs": 3,
        "model_args": {"depth": 2, "width": 64},
        "momentum": 0.5,
    }
    assert fixed == {"epochs": 3, "model_args": {"depth": 2}}


def test_every_value_of_a_list_is_tried_before_anything_starts() -> None:
    space = of_train({"optimizer": ["sgd", "adam"], "epochs": {"low": 1, "high": 9}})
    assert list(probes_of(space)) == [
        {"optimizer": "sgd", "epochs": 1},
        {"optimizer": "adam", "epochs": 1},
        {"optimizer": "sgd", "epochs": 9},
    ]
    assert (largest(space, "epochs"), largest(space, "num_processes")) == (9, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("folds=3",), "folds parts rows into folds, but method=split"),
        (("search=grid", "num_trials=9"), "num_trials is of random and bayesian"),
        (("settings.early_stopping=true",), "choose the epoch on the rows that measure it"),
        (("serch=grid",), r"serch: unknown key; did you mean search\?"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(TuneConfig, ["dataset=/d", "target=/t", "space.epochs=[1,2]", *words])


def test_a_loss_is_minimized_and_everything_else_maximized() -> None:
    words = ["dataset=/d", "target=/t", "space.epochs=[1,2]"]
    assert load(TuneConfig, words).maximizes()
    assert not load(TuneConfig, [*words, "metric=val_loss"]).maximizes()
    assert not load(TuneConfig, [*words, "metric=val_error", "direction=minimize"]).maximizes()
