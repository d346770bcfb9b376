"""Rows are parted so that each is measured once a repeat, classes keep their shares and groups stay together."""

import pandas as pd
import pytest

from pipelines.config import load
from pipelines.errors import ConfigError, DataError
from pipelines.validate.config import ValidateConfig
from pipelines.validate.folds import folds_of, part


def settings(*words: str) -> ValidateConfig:
    return load(ValidateConfig, ["dataset=/d", "target=/t", *words])


def rows(num_rows: int = 60, num_people: int = 12) -> pd.DataFrame:
    numbers = range(num_rows)
    labels = [0 if number % 3 else 1 for number in numbers]
    groups = [f"person {number % num_people}" for number in numbers]
    return pd.DataFrame({"image_id": [f"{number:04d}" for number in numbers], "label": labels, "group": groups})


@pytest.mark.parametrize("method", ["kfold", "stratified_kfold"])
def test_every_row_is_measured_once_a_repeat(method: str) -> None:
    parted = part(rows(), settings("folds=4", "repeats=2"), method)
    assert (parted["fold"] >= 0).all()
    assert parted.groupby("image_id").size().eq(2).all()
    assert len(folds_of(parted)) == 8


def test_stratified_folds_keep_the_shares_of_the_classes() -> None:
    parted = part(rows(), settings("folds=4"), "stratified_kfold").merge(rows(), on="image_id")
    assert parted.groupby("fold")["label"].sum().tolist() == [5, 5, 5, 5]


@pytest.mark.parametrize("method", ["holdout", "kfold", "stratified_kfold"])
def test_rows_of_one_group_stay_together(method: str) -> None:
    parted = part(rows(), settings("folds=3", "group_by=person", "repeats=2"), method).merge(rows(), on="image_id")
    assert parted.groupby(["repeat", "group"])["fold"].nunique().eq(1).all()


def test_a_holdout_measures_its_share_once() -> None:
    parted = part(rows(), settings("holdout_percent=25"), "holdout")
    assert parted["fold"].value_counts().to_dict() == {-1: 45, 0: 15}


def test_the_seed_decides_and_repeats_differ() -> None:
    one, two = (part(rows(), settings("seed=1", "repeats=2"), "kfold") for _ in range(2))
    assert one.equals(two)
    assert not part(rows(), settings("seed=2", "repeats=2"), "kfold").equals(one)
    first, second = (one.loc[one["repeat"] == repeat, "fold"].tolist() for repeat in (0, 1))
    assert first != second


def test_a_class_with_fewer_rows_than_folds_is_named() -> None:
    few = rows()
    few["label"] = [2] + [0] * 59
    with pytest.raises(DataError, match=r"label 2 has only 1 rows; lower folds, or choose method=kfold"):
        part(few, settings("folds=4"), "stratified_kfold")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("settings.target=/x", "settings.target is not yours to give"),
        ("settings.early_stopping=true", "choose the epoch on the rows that measure it"),
        ("groups=/x.csv", "needs group_by=COLUMN"),
    ],
)
def test_settings_that_would_spoil_the_measure_are_refused(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(word)
