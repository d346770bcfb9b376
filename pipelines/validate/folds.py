"""Which rows each run learns from and which measure it; the parting is scikit-learn's."""

import importlib.util
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.errors import ConfigError, DataError
from pipelines.validate.config import FoldsConfig


class Fold(NamedTuple):
    """One run: the rows whose `fold` is its number in this repeat measure it, it learns from the others."""

    repeat: int
    number: int

    @property
    def name(self) -> str:
        """Return the fold's name in paths."""
        return f"repeat-{self.repeat}-fold-{self.number}"


def check_folds(config: FoldsConfig) -> None:
    """Look for what parting needs.

    Raises:
        ConfigError: scikit-learn or the table of groups is missing.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise ConfigError("folds are parted by scikit-learn, which is not installed; install darkroom[learn]")
    if config.groups and not storage.exists(config.groups):
        raise ConfigError(f"groups={config.groups} does not exist")


def rows_to_part(spark: SparkSession, config: FoldsConfig) -> pd.DataFrame:
    """Return image_id, label and group of the rows of `splits`, in the order of their ids.

    Raises:
        ConfigError: there is no column `group_by`.
        DataError: rows without a group.
    """
    rows = spark.read.parquet(storage.join(config.dataset, "data")).where(F.col("split").isin(*config.splits))
    if config.groups:
        rows = rows.join(_read_groups(spark, config), "uri", "left")
    elif config.group_by and config.group_by not in rows.columns:
        known = ", ".join(name for name in rows.columns if name not in ("image", "features"))
        raise ConfigError(
            f"group_by={config.group_by}: the dataset has no such column but {known}; or give groups=TABLE"
        )
    group = F.col(config.group_by).cast("string") if config.group_by else F.col("image_id")
    found = rows.select("image_id", "label", group.alias("group")).orderBy("image_id").toPandas()
    if num_without := int(found["group"].isna().sum()):
        raise DataError(
            f"{num_without} of {len(found)} rows have no {config.group_by}; complete the column, or drop it"
        )
    return found


def _read_groups(spark: SparkSession, config: FoldsConfig) -> DataFrame:
    """Return uri and the group column of a table; relative paths start at the table's folder."""
    csv = config.groups.endswith(".csv")
    table = spark.read.csv(config.groups, header=True) if csv else spark.read.parquet(config.groups)
    if missing := {"path", config.group_by} - set(table.columns):
        raise ConfigError(f"groups={config.groups} lacks {sorted(missing)}; its columns are {table.columns}")
    folder = config.groups.rpartition("/")[0]
    path = F.col("path")
    uri = (
        F.when(path.contains("://"), path)
        .when(path.startswith("/"), F.concat(F.lit("file://"), path))
        .otherwise(F.concat(F.lit(f"{folder}/"), path))
    )
    return table.select(uri.alias("uri"), config.group_by).dropDuplicates(["uri"])


def part(rows: pd.DataFrame, config: FoldsConfig, method: str) -> pd.DataFrame:
    """Return image_id, repeat and fold of every row in every repeat; -1 is the fold of what no run of it measures.

    Equal rows and settings give equal folds, whatever the machine.

    Raises:
        DataError: there are fewer rows, groups or rows of a class than folds.
    """
    parts = []
    for repeat in range(config.repeats):
        fold = np.full(len(rows), -1)
        try:
            for number, (_, measured) in enumerate(_splits(rows, config, method, repeat)):
                fold[measured] = number
        except ValueError as error:
            raise DataError(
                f"the {len(rows)} rows cannot be parted by method={method} into folds={config.folds}: {error}; "
                "lower folds, or choose method=kfold"
            ) from error
        parts.append(pd.DataFrame({"image_id": rows["image_id"], "repeat": repeat, "fold": fold}))
    return pd.concat(parts, ignore_index=True)


def _splits(rows: pd.DataFrame, config: FoldsConfig, method: str, repeat: int) -> Any:
    from sklearn import model_selection as sk

    seed = 1_000 * config.seed + repeat
    labels, groups = rows["label"].to_numpy(), rows["group"].to_numpy()
    share = config.holdout_percent / 100
    several: dict[str, Any] = {"n_splits": config.folds, "shuffle": True, "random_state": seed}
    once: dict[str, Any] = {"n_splits": 1, "test_size": share, "random_state": seed}
    if method == "stratified_kfold":
        _refuse_rare_classes(labels, config.folds)
    if config.group_by:
        grouped = {
            "holdout": lambda: sk.GroupShuffleSplit(**once),
            "kfold": lambda: sk.GroupKFold(**several),
            "stratified_kfold": lambda: sk.StratifiedGroupKFold(**several),
        }
        return grouped[method]().split(labels, labels, groups)
    alone = {
        "holdout": lambda: sk.StratifiedShuffleSplit(**once),
        "kfold": lambda: sk.KFold(**several),
        "stratified_kfold": lambda: sk.StratifiedKFold(**several),
    }
    return alone[method]().split(labels, labels)


def _refuse_rare_classes(labels: Any, num_folds: int) -> None:
    names, counts = np.unique(labels, return_counts=True)
    if counts.min() < num_folds:
        raise ValueError(f"label {names[counts.argmin()]} has only {counts.min()} rows")


def folds_of(parted: pd.DataFrame) -> list[Fold]:
    """Return the runs that a parting asks for, in their order."""
    pairs = {
        (int(repeat), int(fold)) for repeat, fold in zip(parted["repeat"], parted["fold"], strict=True) if fold >= 0
    }
    return [Fold(*pair) for pair in sorted(pairs)]
