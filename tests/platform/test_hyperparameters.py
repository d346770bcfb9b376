"""SageMaker's hyperparameters, as strings, and what they mean for `train`."""

import pytest

from pipelines.config import load
from pipelines.platform.errors import ApiError
from pipelines.platform.hyperparameters import parse
from pipelines.platform.step import as_words
from pipelines.train.config import TrainConfig

REQUIRED = {"num_classes": "10", "num_training_samples": "1000"}


def train_config(**hyperparameters: str) -> TrainConfig:
    words = parse({**REQUIRED, **hyperparameters}).train_words()
    return load(TrainConfig, as_words({"dataset": "/d", "target": "/t", **words}))


def test_the_defaults_are_those_of_sagemaker() -> None:
    config = train_config()
    assert (config.model, config.image_size, config.epochs, config.batch_size) == ("resnet152", 224, 30, 32)
    assert (config.optimizer, config.learning_rate, config.momentum) == ("sgd", 0.1, 0.9)
    assert (config.weight_decay, config.schedule, config.warmup_epochs) == (0.0001, "constant", 0)
    assert (config.augmentation, config.early_stopping, config.scale_learning_rate) == ("none", False, False)


def test_the_rate_falls_at_the_epochs_of_lr_scheduler_step() -> None:
    config = train_config(lr_scheduler_step="10, 20", lr_scheduler_factor="0.5")
    assert (config.schedule, config.step_epochs, config.step_factor) == ("step", (10, 20), 0.5)


@pytest.mark.parametrize(
    ("optimizer", "used", "arguments"),
    [
        ("sgd", "sgd", {"nesterov": False}),
        ("nag", "sgd", {"nesterov": True}),
        ("adam", "adam", {"betas": [0.8, 0.999], "eps": 1e-8}),
        ("rmsprop", "rmsprop", {"alpha": 0.7, "eps": 1e-8}),
    ],
)
def test_the_four_optimizers_get_their_parameters(optimizer: str, used: str, arguments: dict[str, object]) -> None:
    config = train_config(optimizer=optimizer, beta_1="0.8", gamma="0.7")
    assert (config.optimizer, config.optimizer_args) == (used, arguments)
    assert config.weight_decay == (0.0001 if used == "sgd" else 0)


@pytest.mark.parametrize(
    ("layers", "shape", "model"),
    [
        ("18", "3,224,224", "resnet18"),
        ("200", "3,224,224", "timm/resnet200"),
        ("20", "3, 28, 28", "small_resnet20"),
    ],
)
def test_num_layers_is_the_depth_of_a_resnet(layers: str, shape: str, model: str) -> None:
    assert train_config(num_layers=layers, image_shape=shape).model == model


def test_flags_are_read_as_sagemaker_writes_them() -> None:
    config = train_config(early_stopping="True", use_weighted_loss="1", early_stopping_patience="2")
    assert (config.early_stopping, config.class_weights, config.early_stopping_patience) == (True, "balanced", 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_classes": "0"}, "hyperparameter num_classes='0': Input should be greater than or equal to 1"),
        ({"num_layers": "19"}, "hyperparameter num_layers='19'|hyperparameter num_layers=19"),
        ({"num_layers": "20"}, "num_layers=20 is for images of at most 3,28,28"),
        ({"image_shape": "1,28,28"}, "must have 3 channels"),
        ({"image_shape": "3,32,64"}, "must be a square"),
        ({"image_shape": "224"}, "must be channels, height and width, as in 3,224,224"),
        ({"learning_rate": "2"}, "learning_rate='2': Input should be less than or equal to 1"),
        ({"optimizer": "lion"}, "optimizer='lion'"),
        ({"multi_label": "1"}, "a photo has one label here"),
        ({"checkpoint_frequency": "31"}, "must not be larger than epochs=30"),
        ({"top_k": "1"}, "top_k='1'"),
        ({"top_k": "11"}, "must not be larger than num_classes=10"),
        ({"lr_scheduler_step": "10,x"}, "lr_scheduler_step"),
        ({"mini_batch": "3"}, "hyperparameter mini_batch is unknown; did you mean mini_batch_size?"),
    ],
)
def test_a_wrong_one_is_named_with_its_value(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        parse({**REQUIRED, **wrong})


def test_a_missing_one_is_named() -> None:
    with pytest.raises(ApiError, match="hyperparameter num_training_samples is required"):
        parse({"num_classes": "3"})
