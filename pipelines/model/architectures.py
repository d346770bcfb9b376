"""Networks by name: torchvision's, timm's, those for small images, or the user's own class."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import nn

from pipelines.errors import ConfigError
from pipelines.model.code import Code, is_own, load_object
from pipelines.model.small_resnet import SMALL_RESNETS, SmallResNet

_WITH_AUXILIARY_OUTPUTS = ("googlenet", "inception_v3")


class Network(NamedTuple):
    """Which network: its name, the arguments that it is made with, its code where it is the user's own."""

    name: str
    args: Mapping[str, Any] = MappingProxyType({})
    code: Code | None = None


def build(network: Network | str, num_classes: int) -> nn.Module:
    """Make a network with random weights that returns logits (B, num_classes).

    The name is torchvision's, else timm's (`timm/NAME` asks timm only), `small_resnet20` to `small_resnet110`, or that
    of the user's own class, which is called with num_classes and the arguments.

    Raises:
        ConfigError: no such network, with the nearest names; or it does not take the arguments.
    """
    network = Network(network) if isinstance(network, str) else network
    if network.args.get("num_classes", num_classes) != num_classes:
        raise ConfigError(
            f"model_args.num_classes={network.args['num_classes']}, but there are {num_classes} classes; leave it out"
        )
    if is_own(network.name):
        return _own(network, num_classes)
    try:
        return _by_name(network.name, {**network.args, "num_classes": num_classes})
    except TypeError as error:
        raise ConfigError(f"model={network.name} does not take model_args={dict(network.args)}: {error}") from error


def _by_name(name: str, args: dict[str, Any]) -> nn.Module:
    if name in SMALL_RESNETS:
        return SmallResNet(SMALL_RESNETS[name], **args)
    import torchvision.models as zoo  # here and below: these libraries take seconds to import

    if name in zoo.list_models(module=zoo):
        settings = {"aux_logits": False, "init_weights": True} if name in _WITH_AUXILIARY_OUTPUTS else {}
        model: nn.Module = zoo.get_model(name, weights=None, **settings, **args)
        return model
    import timm

    short = name.removeprefix("timm/")
    if timm.is_model(short):
        created: nn.Module = timm.create_model(short, pretrained=False, **args)
        return created
    near = difflib.get_close_matches(name, [*zoo.list_models(module=zoo), *timm.list_models()], n=3)
    raise ConfigError(f"model={name!r} is unknown to torchvision and timm; near names: {', '.join(near) or 'none'}")


def _own(network: Network, num_classes: int) -> nn.Module:
    made = load_object("model", network.code or Code(network.name))
    args = {**network.args, "num_classes": num_classes}
    try:
        model = made(**args)
    except Exception as error:
        shown = ", ".join(f"{key}={value!r}" for key, value in args.items())
        raise ConfigError(
            f"model={network.name} cannot be made with {shown}: {type(error).__name__}: {error}; "
            "it is called with num_classes and with model_args.KEY=VALUE"
        ) from error
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model={network.name} gave a {type(model).__name__}, not a torch.nn.Module")
    return model
