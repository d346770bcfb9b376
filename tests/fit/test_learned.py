"""What is read out of a learner says what the learner says."""

import numpy as np
import pytest
import torch

from pipelines.config import load
from pipelines.errors import ConfigError, DataError
from pipelines.fit import mllib, sklearn_learners
from pipelines.fit.config import FitConfig
from pipelines.fit.learned import Tree, not_above, stack
from pipelines.fit.selection import informative
from pipelines.model.head import Head


def settings(*words: str) -> FitConfig:
    return load(FitConfig, ["dataset=/d", "target=/t", *words])


def rows(num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.arange(120) % num_classes
    return (random.normal(size=(120, 6)) + labels[:, None] * [1, 0, 0.5, 0, 0, 0]).astype(np.float32), labels


@pytest.mark.parametrize("num_classes", [2, 4])
@pytest.mark.parametrize("learner", ["logistic_regression", "random_forest", "gradient_boosted_trees", "linear_svm"])
def test_scikit_learn_s_learners_are_read_out(learner: str, num_classes: int) -> None:
    features, labels = rows(num_classes)
    config = settings(f"learner={learner}", "library=sklearn")
    learned = sklearn_learners.learn(features, labels, config)
    shapes = {name: tuple(tensor.shape) for name, tensor in learned.tensors.items()}
    head = Head(
        layer="x",
        pooling="mean",
        num_outputs=1,
        num_features=6,
        learner=learned.learner,
        depth=learned.depth,
        link=learned.link,
        shapes=shapes,
    ).build()
    head[0].load_state_dict(learned.tensors)
    said = head(torch.from_numpy(features)).softmax(1).numpy()
    model = sklearn_learners._learner(config, len(labels), {})
    scale = 1 / features.std(axis=0) if learner in ("logistic_regression", "linear_svm") else 1
    model.fit(features * scale, labels)
    assert np.array_equal(said.argmax(1), model.predict(features * scale))
    if learner != "linear_svm":
        assert np.allclose(said, model.predict_proba(features * scale), atol=1e-4)


def test_a_row_on_a_threshold_goes_left_and_the_next_float_goes_right() -> None:
    at = 0.1  # not a float32
    tree = Tree(np.array([0, 0, 0]), np.array([at, 0, 0]), np.array([1, -1, -1]), np.array([2, -1, -1]), np.eye(3))
    tensors, depth = stack([tree])
    assert depth == 1
    below, above = np.nextafter(np.float32(at), np.float32([-1, 1]))
    assert not_above(np.array([at, 0.5])).tolist() == [below, 0.5]
    assert np.float32(at) > at and tensors["threshold"][0, 0] == below < at < above


def test_var10_is_its_definition_in_numpy() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(50, 41)) * random.permutation(41)
    features[:, [3, 17]] = 0.1
    variance = features.var(axis=0)
    varies = np.ptp(features, axis=0) > 0
    kept = varies & (variance > np.percentile(variance[varies], 10))
    assert informative(variance, varies).tolist() == np.flatnonzero(kept).tolist()
    assert not {3, 17} & set(informative(variance, varies))


def test_a_feature_at_the_percentile_goes() -> None:
    assert informative(np.arange(1.0, 12.0), np.ones(11, bool)).tolist() == list(range(2, 11))


def test_nothing_but_constants_is_wrong_data() -> None:
    with pytest.raises(DataError, match="all features are constant"):
        informative(np.zeros(3), np.zeros(3, bool))


@pytest.mark.parametrize(
    ("library", "name", "near"), [("mllib", "maxDept", "maxDepth"), ("sklearn", "max_dept", "max_depth")]
)
def test_a_misspelt_argument_of_a_learner_gets_the_nearest(library: str, name: str, near: str) -> None:
    check = mllib.check_arguments if library == "mllib" else sklearn_learners.check_arguments
    with pytest.raises(ConfigError, match=f"learner_args.{name}: .*did you mean {near}"):
        check(settings("learner=random_forest", f"learner_args.{name}=1"))


def test_an_argument_of_a_wrong_type_is_refused_without_spark() -> None:
    with pytest.raises(ConfigError, match=r"learner_args.elasticNetParam='much'"):
        mllib.check_arguments(settings("learner_args.elasticNetParam=much"))
