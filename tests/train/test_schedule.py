"""The learning rate over a run."""

import pytest

from pipelines.train.config import TrainConfig
from pipelines.train.schedule import learning_rate


def rate(progress: float, **settings: object) -> float:
    values = {"dataset": "/d", "target": "/t", "learning_rate": 0.1, "epochs": 11, "num_processes": 2, **settings}
    return learning_rate(TrainConfig.model_validate(values), progress)


def test_it_rises_to_the_rate_of_all_processes() -> None:
    assert rate(0.5) == pytest.approx(0.1)
    assert rate(1.0) == pytest.approx(0.2)


def test_the_cosine_is_half_way_down_in_the_middle_and_ends_at_zero() -> None:
    assert rate(6.0) == pytest.approx(0.1)
    assert rate(11.0) == pytest.approx(0.0)


def test_a_constant_rate_stays() -> None:
    assert rate(9.0, schedule="constant") == pytest.approx(0.2)


def test_steps_multiply_the_rate_at_their_epochs() -> None:
    rates = [rate(progress, schedule="step", step_epochs=(3, 5)) for progress in (2.9, 3.0, 5.5)]
    assert rates == pytest.approx([0.2, 0.02, 0.002])


def test_the_rate_need_not_be_scaled() -> None:
    assert rate(9.0, schedule="constant", scale_learning_rate=False) == pytest.approx(0.1)


def test_a_step_schedule_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="schedule=step and step_epochs"):
        rate(1.0, schedule="step")
