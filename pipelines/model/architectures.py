"""Networks by name: torchvision's, timm's, or the user's own class."""

import difflib
import importlib

import torch
from torch import nn

from pipelines.errors import ConfigError

_WITH_AUXILIARY_OUTPUTS = ("googlenet", "inception_v3")


def build(name: str, num_classes: int) -> nn.Module:
    """Make a network with random weights that returns logits (B, num_classes).

    `name` is torchvision's, else timm's (`timm/NAME` asks timm only), or `package.module:Class`, which is
    called with num_classes.

    Raises:
        ConfigError: no such network; the message has the nearest names.
    """
    if ":" in name:
        return _own(name, num_classes)
    import torchvision.models as zoo  # here and below: these libraries take seconds to import

    if name in zoo.list_models(module=zoo):
        settings = {"aux_logits": False, "init_weights": True} if name in _WITH_AUXILIARY_OUTPUTS else {}
        model: nn.Module = zoo.get_model(name, weights=None, num_classes=num_classes, **settings)
        return model
    import timm

    short = name.removeprefix("timm/")
    if timm.is_model(short):
        created: nn.Module = timm.create_model(short, pretrained=False, num_classes=num_classes)
        return created
    near = difflib.get_close_matches(name, [*zoo.list_models(module=zoo), *timm.list_models()], n=3)
    raise ConfigError(f"model={name!r} is unknown to torchvision and timm; near names: {', '.join(near) or 'none'}")


def check_output(name: str, num_classes: int, image_size: int) -> None:
    """Run two black images through the network.

    Raises:
        ConfigError: it does not take that size, or does not return one score a class.
    """
    model = build(name, num_classes).eval()
    try:
        with torch.inference_mode():
            scores = model(torch.zeros(2, 3, image_size, image_size))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ConfigError(f"model={name} does not take images of image_size={image_size}: {error}") from error
    shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
    if shape != (2, num_classes):
        raise ConfigError(f"model={name} returns {shape} for 2 images; it must return scores (2, {num_classes})")


def _own(name: str, num_classes: int) -> nn.Module:
    module_name, _, class_name = name.partition(":")
    try:
        model = getattr(importlib.import_module(module_name), class_name)(num_classes=num_classes)
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigError(f"model={name!r} cannot be made with num_classes={num_classes}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model={name!r} gave a {type(model).__name__}, not a torch.nn.Module")
    return model
