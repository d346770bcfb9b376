"""Early stopping and the best epoch."""

from pipelines.train.config import TrainConfig
from pipelines.train.stopping import best_epoch, stands_still


def history(*accuracies: float) -> list[dict[str, float]]:
    return [{"val_accuracy": accuracy} for accuracy in accuracies]


def stops(*accuracies: float, **settings: object) -> bool:
    values = {"dataset": "/d", "target": "/t", "early_stopping": True, "early_stopping_min_epochs": 3}
    return stands_still(
        history(*accuracies), TrainConfig.model_validate({**values, "early_stopping_patience": 2, **settings})
    )


def test_the_first_of_equal_epochs_is_the_best() -> None:
    assert best_epoch(history(0.5, 0.7, 0.7, 0.6)) == 1


def test_it_stops_after_patience_epochs_without_gain() -> None:
    assert not stops(0.5, 0.7, 0.6)
    assert stops(0.5, 0.7, 0.6, 0.7)


def test_it_does_not_stop_before_the_least_number_of_epochs() -> None:
    assert not stops(0.7, 0.6, 0.5, 0.4, early_stopping_min_epochs=5)


def test_a_gain_within_the_tolerance_is_no_gain() -> None:
    assert stops(0.5, 0.7, 0.71, 0.715, early_stopping_tolerance=0.02)


def test_it_is_off_by_default() -> None:
    assert not stops(0.5, 0.4, 0.3, 0.2, early_stopping=False)


def test_a_rising_run_goes_on() -> None:
    assert not stops(0.1, 0.2, 0.3, 0.4)
