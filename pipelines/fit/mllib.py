"""Learners of Spark's MLlib: fitted on the executors, their coefficients and trees read out."""

import difflib
from typing import Any

import numpy as np
from pyspark.ml.classification import (
    GBTClassifier,
    LinearSVC,
    LogisticRegression,
    OneVsRest,
    RandomForestClassifier,
)
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.fit.config import FitConfig
from pipelines.fit.learned import Learned, Tree, linear, stack

CLASSES: dict[str, Any] = {
    "logistic_regression": LogisticRegression,
    "random_forest": RandomForestClassifier,
    "gradient_boosted_trees": GBTClassifier,
    "linear_svm": LinearSVC,
}


def check_arguments(config: FitConfig) -> None:
    """Hold `learner_args` against MLlib's parameters, without a JVM.

    Raises:
        ConfigError: an unknown name, with the nearest known one, or a value of a wrong type.
    """
    kind = CLASSES[config.learner]
    known = [name for name in dir(kind) if isinstance(getattr(kind, name), Param)]
    for name, value in config.learner_args.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"learner_args.{name}: {config.learner} of MLlib has no such parameter; {hint}")
        try:
            getattr(kind, name).typeConverter(value)
        except TypeError as error:
            raise ConfigError(f"learner_args.{name}={value!r}: {error}") from error


def settings_of(config: FitConfig) -> dict[str, Any]:
    """Return the learner's settings by MLlib's names."""
    settings: dict[str, Any] = {
        "logistic_regression": {
            "regParam": config.regularization,
            "maxIter": config.max_iterations,
            "family": "multinomial",
        },
        "random_forest": {"numTrees": config.num_trees, "maxDepth": config.max_depth, "seed": config.seed},
        "gradient_boosted_trees": {"maxIter": config.num_trees, "maxDepth": config.max_depth, "seed": config.seed},
        "linear_svm": {"regParam": config.regularization, "maxIter": config.max_iterations},
    }
    return {**settings[config.learner], **config.learner_args}


def fit_mllib(train: DataFrame, config: FitConfig, num_classes: int, scratch: str) -> Learned:
    """Fit on label and features, an array; `scratch` is a folder for trees on their way.

    Learners of two classes are fitted once a class, against the others.
    """
    learner = CLASSES[config.learner](featuresCol="vector", labelCol="label", **settings_of(config))
    binary = config.learner in ("gradient_boosted_trees", "linear_svm")
    if binary and num_classes > 2:
        learner = OneVsRest(classifier=learner, featuresCol="vector", labelCol="label")
    model = learner.fit(_with_vector(train).select("label", "vector"))

    def predict(rows: DataFrame) -> DataFrame:
        return model.transform(_with_vector(rows)).drop("vector")  # type: ignore[no-any-return]

    if config.learner == "logistic_regression":
        weight, bias = model.coefficientMatrix.toArray(), model.interceptVector.toArray()
        return Learned("linear", linear(weight, bias), predict)
    models = model.models if binary and num_classes > 2 else [model]
    if config.learner == "linear_svm":
        weight, bias = np.stack([one.coefficients.toArray() for one in models]), [one.intercept for one in models]
        return Learned("linear", linear(weight, np.array(bias)), predict)
    if config.learner == "random_forest":
        tensors, depth = stack(_forest(model, storage.join(scratch, "forest"), train))
        return Learned("trees", tensors, predict, depth, "probabilities")
    trees = []
    for label, one in enumerate(models):
        margin = np.eye(num_classes)[label] * 2 if num_classes > 2 else np.array([-1.0, 1.0])
        trees += _boosted(one, storage.join(scratch, f"class-{label}"), train, margin)
    tensors, depth = stack(trees)
    return Learned("trees", tensors, predict, depth)


def _with_vector(rows: DataFrame) -> DataFrame:
    return rows.withColumn("vector", array_to_vector(F.col("features")))


def _forest(model: Any, uri: str, rows: DataFrame) -> list[Tree]:
    """Read a forest's trees; each says its leaf's shares of the classes, divided by the number of trees."""
    trees = []
    for nodes in _saved(model, uri, rows):
        counts = np.array([node["impurityStats"] for node in nodes], np.float64)
        trees.append(_tree(nodes, counts / counts.sum(1, keepdims=True) / model.getNumTrees))
    return trees


def _boosted(model: Any, uri: str, rows: DataFrame, margin: Any) -> list[Tree]:
    """Read the trees of one class; their weighted sum is half of the log-odds, `margin` (C,) says of which class."""
    saved = zip(_saved(model, uri, rows), model.treeWeights, strict=True)
    return [
        _tree(nodes, weight * np.array([[node["prediction"]] for node in nodes]) * margin) for nodes, weight in saved
    ]


def _saved(model: Any, uri: str, rows: DataFrame) -> list[list[dict[str, Any]]]:
    """Let MLlib write the trees as Parquet and read them: nodes by tree, in their order."""
    model.write().overwrite().save(uri)
    found = rows.sparkSession.read.parquet(storage.join(uri, "data")).orderBy("treeID", "nodeData.id").collect()
    trees: dict[int, list[dict[str, Any]]] = {}
    for row in found:
        trees.setdefault(row["treeID"], []).append(row["nodeData"].asDict(recursive=True))
    return list(trees.values())


def _tree(nodes: list[dict[str, Any]], value: Any) -> Tree:
    splits = [node["split"] for node in nodes]
    thresholds = [split["leftCategoriesOrThreshold"] or [0.0] for split in splits]
    return Tree(
        feature=np.array([split["featureIndex"] for split in splits], np.int64),
        threshold=np.array([threshold[0] for threshold in thresholds], np.float64),
        left=np.array([node["leftChild"] for node in nodes], np.int64),
        right=np.array([node["rightChild"] for node in nodes], np.int64),
        value=value,
    )
