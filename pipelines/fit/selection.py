"""Choose or project features, on the rows of the train split alone, by Spark's MLlib."""

import functools
from typing import Any

import numpy as np
import torch
from pyspark.ml.feature import PCA, UnivariateFeatureSelector
from pyspark.ml.functions import array_to_vector
from pyspark.ml.stat import Summarizer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from torch import nn

from pipelines.errors import ConfigError, DataError
from pipelines.fit.columns import Numbers, on_rows
from pipelines.fit.config import FitConfig
from pipelines.model.head import Pick, Project

PERCENTILE = 10
NUM_BINS = 10


def select(train: DataFrame, config: FitConfig, num_features: int) -> nn.Sequential:
    """Return the steps as parts of the network: features (B, D) → (B, K). `train` has label and features, an array."""
    steps = nn.Sequential()
    for name in config.select:
        rows = apply(train, steps)
        steps.append(_fit(name, rows, config, _size(steps, num_features)))
    return steps


def _size(steps: nn.Sequential, num_features: int) -> int:
    """Return how many features the steps leave."""
    with torch.inference_mode():
        return int(steps(torch.zeros(1, num_features)).shape[1])


def _fit(name: str, rows: DataFrame, config: FitConfig, size: int) -> nn.Module:
    if name == "pca":
        return _project(rows, config.components, size)
    places = _var10(rows) if name == "var10" else _chi2(rows, config.num_features, size)
    pick = Pick(len(places))
    pick.get_buffer("places").copy_(torch.from_numpy(places))
    return pick


def apply(rows: DataFrame, steps: nn.Module) -> DataFrame:
    """Put the features through steps of the network, on the executors; the other columns stay."""
    return rows.withColumn("features", on_rows(functools.partial(_transform, steps=steps), "array<float>")("features"))


def _transform(features: Numbers, steps: nn.Module) -> Numbers:
    with torch.inference_mode():
        return np.asarray(steps(torch.from_numpy(features)).numpy())


def informative(variance: Numbers, varies: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the places of the features above the 10th percentile of the variance of those that vary, in order.

    Both (D,). The percentile is numpy's, linear between the nearest two.

    Raises:
        DataError: no feature is left.
    """
    if not varies.any():
        raise DataError("select=var10: all features are constant on the train split; choose another layer")
    places = np.flatnonzero(varies & (variance > np.percentile(variance[varies], PERCENTILE)))
    if not len(places):
        raise DataError("select=var10: all features that vary do so alike; leave var10 out")
    return places.astype(np.int64)


def _summary(rows: DataFrame) -> dict[str, Numbers]:
    metrics = Summarizer.metrics("variance", "min", "max").summary(array_to_vector(F.col("features")))
    found = rows.select(metrics.alias("s")).first()
    return {name: found["s"][name].toArray() for name in ("variance", "min", "max")} if found else {}


def _var10(rows: DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = _summary(rows)
    return informative(found["variance"], found["max"] > found["min"])


def _project(rows: DataFrame, components: float, size: int) -> Project:
    """Fit principal components; MLlib projects without centring, which the learner's bias takes up."""
    most = min(size, rows.count())
    wanted = most if components < 1 else int(components)
    if wanted > most:
        raise ConfigError(f"components={wanted}, but there are {size} features in {rows.count()} rows")
    model = PCA(k=wanted, inputCol="vector", outputCol="out").fit(
        rows.select(array_to_vector(F.col("features")).alias("vector"))
    )
    if components < 1:
        shares = np.cumsum(model.explainedVariance.toArray())
        wanted = min(most, int(np.searchsorted(shares, components)) + 1)
    project = Project(size, wanted)
    project.get_buffer("matrix").copy_(torch.from_numpy(model.pc.toArray()[:, :wanted]))
    return project


def _chi2(rows: DataFrame, num_features: int, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Choose by the chi-squared test of independence of label and feature, cut into ten equal ranges."""
    if num_features > size:
        raise ConfigError(f"num_features={num_features}, but there are only {size} features; lower it")
    found = _summary(rows)
    cut = on_rows(functools.partial(_cut, low=found["min"], high=found["max"]), "array<double>")
    binned = rows.select("label", array_to_vector(cut("features")).alias("bins"))
    selector = UnivariateFeatureSelector(featuresCol="bins", labelCol="label", selectionMode="numTopFeatures")
    selector = selector.setFeatureType("categorical").setLabelType("categorical").setSelectionThreshold(num_features)
    return np.sort(np.array(selector.fit(binned).selectedFeatures, np.int64))


def _cut(features: Numbers, low: Numbers, high: Numbers) -> Numbers:
    shares = (features - low) / np.where(high > low, high - low, 1.0)
    return np.asarray(np.clip(np.floor(shares * NUM_BINS), 0, NUM_BINS - 1))
