"""Which values a search tries next."""

import pytest

from pipelines.platform.errors import ApiError
from pipelines.platform.search import Tried, grid_of, is_hopeless, space_of, suggest

RATE = {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"}
SPACE = space_of({"ContinuousParameterRanges": [RATE]})


def tried(rate: float, objective: float) -> Tried:
    return Tried({"learning_rate": repr(rate)}, objective, [objective], True)


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_the_same_jobs_and_seed_give_the_same_values_within_the_range(strategy: str) -> None:
    history = [tried(0.01, 0.5)]
    first = suggest(strategy, SPACE, True, 7, history)
    assert first == suggest(strategy, SPACE, True, 7, history)
    assert 0.0001 <= float(first["learning_rate"]) <= 1
    assert first != suggest(strategy, SPACE, True, 7, [*history, tried(0.02, 0.5)])


def test_a_bayesian_search_goes_where_the_objective_is_good() -> None:
    history = [tried(10 ** (-n / 10), 1.0 if n >= 30 else 0.1) for n in range(40)]
    suggested = [float(suggest("Bayesian", SPACE, True, seed, history)["learning_rate"]) for seed in range(10)]
    assert sum(rate <= 0.003 for rate in suggested) >= 8


def test_a_bayesian_search_knows_of_trainings_that_still_run() -> None:
    running = Tried({"learning_rate": "0.01"}, None, [], False)
    history = [tried(10 ** (-n / 10), 0.1) for n in range(10)]
    assert suggest("Bayesian", SPACE, True, 0, [*history, running])


def test_a_grid_has_every_combination_once() -> None:
    ranges = [{"Name": "optimizer", "Values": ["sgd", "adam"]}, {"Name": "num_layers", "Values": ["18", "34", "50"]}]
    space = space_of({"CategoricalParameterRanges": ranges})
    history: list[Tried] = []
    for _ in range(6):
        history.append(Tried(suggest("Grid", space, True, 0, history), None, [], False))
    assert len({tuple(one.values.items()) for one in history}) == len(grid_of(space)) == 6


def test_a_grid_of_numbers_is_refused() -> None:
    with pytest.raises(ApiError, match="Strategy Grid takes CategoricalParameterRanges alone; learning_rate"):
        grid_of(SPACE)


@pytest.mark.parametrize(
    ("low", "high", "scale", "message"),
    [
        ("1", "0.1", "Auto", "must be smaller than"),
        ("x", "1", "Auto", "must be numbers"),
        ("0", "1", "Logarithmic", "needs a MinValue above 0"),
        ("0.1", "1", "ReverseLogarithmic", "ReverseLogarithmic is not searched here"),
    ],
)
def test_a_range_that_cannot_be_searched_is_refused(low: str, high: str, scale: str, message: str) -> None:
    with pytest.raises(ApiError, match=message):
        space_of(
            {"ContinuousParameterRanges": [{"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scale}]}
        )


def test_a_training_worse_than_the_median_of_the_others_is_hopeless() -> None:
    others = [Tried({"learning_rate": "0.1"}, value, [value, value], True) for value in (0.5, 0.6, 0.7)]
    bad = Tried({"learning_rate": "0.2"}, None, [0.4, 0.45], False)
    good = Tried({"learning_rate": "0.2"}, None, [0.4, 0.9], False)
    assert is_hopeless(SPACE, True, [*others, bad], 3)
    assert not is_hopeless(SPACE, True, [*others, good], 3)
    assert not is_hopeless(SPACE, True, [*others[:2], bad], 2)
