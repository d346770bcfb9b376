"""Do one step of a training on the driver, before the cluster is asked for anything."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from pipelines.errors import ConfigError
from pipelines.model.dry_run import LayerTrace, check_output, shape_of
from pipelines.train.config import TrainConfig
from pipelines.train.forward import logits_of
from pipelines.train.own import (
    Codes,
    augmentation_of,
    figures_of,
    loss_of,
    metric_of,
    network_of,
    optimizer_of,
)


def dry_run(config: TrainConfig, codes: Codes, num_classes: int) -> None:
    """Try every part of the run on made-up images.

    Raises:
        ConfigError: one of them does not do what a training needs; the message says which, and where.
    """
    model = check_output(network_of(config, codes), num_classes, config.image_size)
    labels = torch.arange(2) % num_classes
    _step(config, codes, model, labels)
    if augmentation := augmentation_of(config, codes):
        pixels = np.zeros((48, 64, 3), np.uint8)
        with _blamed("augmentation", config.augmentation):
            changed = augmentation(pixels, np.random.default_rng(0))
        if not (isinstance(changed, np.ndarray) and changed.dtype == np.uint8 and changed.shape[2:] == (3,)):
            what = f"{changed.dtype} {changed.shape}" if isinstance(changed, np.ndarray) else type(changed).__name__
            raise ConfigError(f"augmentation={config.augmentation} returns {what}; it must return uint8 (H, W, 3)")
    if metric := metric_of(config, codes):
        with _blamed("metric", config.metric):
            figures_of(metric, "metric", labels, torch.eye(num_classes)[labels])


def _step(config: TrainConfig, codes: Codes, model: nn.Module, labels: torch.Tensor) -> None:
    """Forward in training mode, the loss of every row, backward, and the optimizer's step."""
    optimizer, loss = optimizer_of(config, codes, model), loss_of(config, codes)
    images = torch.rand(2, 3, config.image_size, config.image_size)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as a training has it
    with LayerTrace(model.train()) as trace:
        try:
            logits = logits_of(model, images, config.precision)
        except Exception as error:
            raise ConfigError(
                f"model={config.model} does not run in training mode: {error} ({trace.where()})"
            ) from error
    with _blamed("loss", config.loss):
        losses = loss(logits, labels)
    if not isinstance(losses, torch.Tensor) or losses.shape != labels.shape:
        raise ConfigError(
            f"loss={config.loss} returns {shape_of(losses)} for 2 images; it must return one loss a row, (2,): "
            "reduction='none' in torch's words (loss_args.reduction=none), darkroom takes the mean"
        )
    with _blamed("model", config.model):
        losses.mean().backward()  # type: ignore[no-untyped-call]
    with _blamed("optimizer", config.optimizer):
        optimizer.step()


@contextmanager
def _blamed(key: str, value: str) -> Iterator[None]:
    """Turn whatever goes wrong in the block into an error of that setting."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{key}={value} fails on two made-up images: {type(error).__name__}: {error}") from error
