"""The parts of a training that may be the user's own code: network, loss, optimizer, augmentation, metric."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from pipelines.errors import ConfigError
from pipelines.model.architectures import Network
from pipelines.model.code import Code, collect, is_own, load_object
from pipelines.train.config import TrainConfig

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Augmentation = Callable[[np.ndarray[Any, Any], np.random.Generator], np.ndarray[Any, Any]]
Metric = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], float | Mapping[str, float]]
Codes = dict[str, Code]
PARTS = ("model", "loss", "optimizer", "augmentation", "metric")
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


def collect_own(config: TrainConfig) -> Codes:
    """Read the code of every part that is the user's own, by its setting's name."""
    names = {part: str(getattr(config, part)) for part in PARTS}
    return {part: collect(part, name) for part, name in names.items() if is_own(name)}


def network_of(config: TrainConfig, codes: Codes) -> Network:
    """Return which network the run trains; an own one is called by its entry, without its folder."""
    code = codes.get("model")
    return Network(code.entry if code else config.model, config.model_args, code)


def loss_of(config: TrainConfig, codes: Codes) -> Loss:
    """Return logits (B, C), labels (B,) → losses (B,), one a row: the rows of all processes weigh the same."""
    if "loss" in codes:
        own: Loss = make_callable("loss", codes["loss"], config.loss_args)
        return own
    return functools.partial(nn.functional.cross_entropy, reduction="none", **config.loss_args)


def augmentation_of(config: TrainConfig, codes: Codes) -> Augmentation | None:
    """Return the own augmentation: pixels uint8 (H, W, 3) and the image's randomness → pixels of any size."""
    if "augmentation" not in codes:
        return None
    own: Augmentation = make_callable("augmentation", codes["augmentation"], config.augmentation_args)
    return own


def metric_of(config: TrainConfig, codes: Codes) -> Metric | None:
    """Return the own metric: labels int64 (N,), probabilities float32 (N, C) → a figure, or several by name."""
    if "metric" not in codes:
        return None
    own: Metric = make_callable("metric", codes["metric"], config.metric_args)
    return own


def figures_of(metric: Metric, name: str, labels: torch.Tensor, probabilities: torch.Tensor) -> dict[str, float]:
    """Return what the metric says by name; one figure is called as the metric is."""
    said = metric(labels.numpy(), probabilities.numpy())
    named = said if isinstance(said, Mapping) else {name: said}
    return {str(key): float(value) for key, value in named.items()}


def optimizer_of(config: TrainConfig, codes: Codes, model: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer of the parameters that are not frozen."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    settings = {"lr": config.learning_rate, **config.optimizer_args}
    if "optimizer" in codes:
        made = _call(
            "optimizer", codes["optimizer"], load_object("optimizer", codes["optimizer"]), parameters, **settings
        )
        if not isinstance(made, torch.optim.Optimizer):
            raise ConfigError(f"optimizer={config.optimizer} gave a {type(made).__name__}, not a torch.optim.Optimizer")
        return made
    settings |= {"weight_decay": config.weight_decay}
    settings |= {"momentum": config.momentum} if config.optimizer == "sgd" else {}
    try:
        optimizer: torch.optim.Optimizer = OPTIMIZERS[config.optimizer](parameters, **settings)
    except TypeError as error:
        raise ConfigError(f"optimizer={config.optimizer} does not take {config.optimizer_args}: {error}") from error
    return optimizer


def make_callable(key: str, code: Code, args: Mapping[str, Any]) -> Any:
    """Return a function with its arguments bound, or an object made of a class with them.

    Raises:
        ConfigError: it cannot be made, or cannot be called.
    """
    found = load_object(key, code)
    if inspect.isclass(found):
        found = _call(key, code, found, **args)
        return found.eval() if isinstance(found, nn.Module) else found
    if not callable(found):
        raise ConfigError(f"{key}={code.entry} is a {type(found).__name__}; it must be a function or a class")
    return functools.partial(found, **args)


def _call(key: str, code: Code, made: Any, *positional: Any, **args: Any) -> Any:
    try:
        return made(*positional, **args)
    except Exception as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in args.items())
        raise ConfigError(f"{key}={code.entry} cannot be made with ({shown}): {error}; see {key}_args.KEY") from error
