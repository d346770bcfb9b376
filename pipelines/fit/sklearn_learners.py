"""Learners of scikit-learn, on the driver: for rows that fit there."""

import difflib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from pipelines.errors import ConfigError
from pipelines.fit.columns import Numbers, on_rows
from pipelines.fit.config import FitConfig
from pipelines.fit.learned import Learned, Tree, linear, stack

MAX_BYTES = 2 * 2**30  # of features, float32, on the driver


def check_arguments(config: FitConfig) -> None:
    """Hold `learner_args` against scikit-learn's parameters.

    Raises:
        ConfigError: scikit-learn is not installed, or an unknown name, with the nearest known one.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise ConfigError("library=sklearn: scikit-learn is not installed; install darkroom[learn]")
    known = list(_learner(config, 1, {}).get_params())
    for name in config.learner_args:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"learner_args.{name}: {config.learner} of scikit-learn has no such parameter; {hint}")


def _learner(config: FitConfig, num_rows: int, args: dict[str, Any]) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    penalty = {"C": 1 / (config.regularization * num_rows), "max_iter": config.max_iterations}
    trees = {"n_estimators": config.num_trees, "max_depth": config.max_depth, "random_state": config.seed}
    if config.learner == "logistic_regression":
        return LogisticRegression(**{**penalty, **args})
    if config.learner == "linear_svm":
        return LinearSVC(**{**penalty, "random_state": config.seed, **args})
    if config.learner == "random_forest":
        return RandomForestClassifier(**{**trees, **args})
    return GradientBoostingClassifier(**{**trees, "init": "zero", **args})


def fit_sklearn(train: DataFrame, config: FitConfig, num_features: int) -> Learned:
    """Fit on label and features, an array.

    Raises:
        ConfigError: the rows are too large for the driver.
    """
    num_rows = train.count()
    if num_rows * num_features * 4 > MAX_BYTES:
        raise ConfigError(
            f"library=sklearn: {num_rows} rows of {num_features} features are more than {MAX_BYTES} bytes; "
            "use library=mllib, or select= fewer"
        )
    rows = train.orderBy("image_id").select("label", "features").toPandas()
    return learn(np.stack(rows["features"].to_list()).astype(np.float32), rows["label"].to_numpy(), config)


def learn(features: Numbers, labels: Numbers, config: FitConfig) -> Learned:
    """Fit on float32 (N, D), labels (N,); features are divided by their deviation before linear learners."""
    model = _learner(config, len(labels), config.learner_args)
    if config.learner in ("logistic_regression", "linear_svm"):
        deviation = features.std(axis=0)
        scale = np.where(deviation > 0, 1 / np.maximum(deviation, 1e-12), 0.0).astype(np.float32)
        model.fit(features * scale, labels)
        return Learned("linear", linear(model.coef_ * scale, model.intercept_), _predictor(model, scale))
    model.fit(features, labels)
    predict = _predictor(model, np.ones(1, np.float32))
    if config.learner == "random_forest":
        tensors, depth = stack([_tree(one, np.ones(1) / len(model.estimators_)) for one in model.estimators_])
        return Learned("trees", tensors, predict, depth, "probabilities")
    scores = np.eye(len(model.classes_)) if model.estimators_.shape[1] > 1 else np.array([[-0.5, 0.5]])
    trees = [_tree(one, model.learning_rate * scores[k]) for stage in model.estimators_ for k, one in enumerate(stage)]
    tensors, depth = stack(trees)
    return Learned("trees", tensors, predict, depth)


def _tree(fitted: Any, weight: Numbers) -> Tree:
    """Read one tree; what its leaves say, (N, C) or (N, 1), is multiplied by `weight`."""
    tree = fitted.tree_
    return Tree(tree.feature, tree.threshold, tree.children_left, tree.children_right, tree.value[:, 0, :] * weight)


def _predictor(model: Any, scale: Numbers) -> Callable[[DataFrame], DataFrame]:
    def said(features: Numbers) -> Numbers:
        return np.asarray(model.predict(features * scale), np.float64)

    return lambda rows: rows.withColumn("prediction", on_rows(said, "double")("features"))
