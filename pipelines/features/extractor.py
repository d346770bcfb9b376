"""The bundle that gives features: a network up to one of its layers."""

from typing import NamedTuple

import torch
from torch import nn

from pipelines import __version__, storage
from pipelines.dataset import load_manifest, manifest_uri
from pipelines.errors import ConfigError
from pipelines.features.config import FeaturesConfig
from pipelines.images.policy import Policy
from pipelines.model.architectures import Network, build
from pipelines.model.bundle import Bundle, BundleInfo, load_bundle, make
from pipelines.model.code import Code
from pipelines.model.head import Head
from pipelines.model.preprocess import Preprocessing
from pipelines.model.weights import head_of, last_layer_of, read_weights, start_from


class Extractor(NamedTuple):
    """A network that gives features, what its bundle says of it, and its own code."""

    model: nn.Module
    info: BundleInfo
    codes: dict[str, Code]


def extractor_of(config: FeaturesConfig) -> Extractor:
    """Make the extractor and try it on two black images.

    Raises:
        ConfigError: no such network, weights or layer.
    """
    network, num_outputs, backbone, how, trained_as = (
        _of_name(config)
        if config.weights
        else _of_bundle(load_bundle(storage.absolute(config.model), config.trust_code))
    )
    layer = config.layer or f"input:{last_layer_of(network)}"
    head = Head(layer=layer, pooling=config.pooling, num_outputs=num_outputs, num_features=0)
    model = make(network, head, 0)
    model.load_state_dict({f"model.{name}": tensor for name, tensor in backbone.items()})
    with torch.inference_mode():
        num_features = model.eval()(torch.zeros(2, 3, how.crop_px, how.crop_px)).shape[1]
    info = BundleInfo(
        architecture=network.name,
        model_args=dict(network.args),
        head=head.model_copy(update={"num_features": num_features}),
        classes=(),
        preprocessing=how,
        training=trained_as,
        dataset_id="",
        metrics={},
        code_version=__version__,
    )
    return Extractor(model, info, {"model": network.code} if network.code else {})


_Backbone = tuple[Network, int, dict[str, torch.Tensor], Preprocessing, dict[str, object]]


def _of_bundle(bundle: Bundle) -> _Backbone:
    info = bundle.info
    if info.head:
        raise ConfigError(f"model {info.model_id} was made by fit; give the bundle of the network under it")
    return bundle.described(), len(info.classes), bundle.weights(), info.preprocessing, {"backbone": info.model_id}


def _of_name(config: FeaturesConfig) -> _Backbone:
    network, pretrained = Network(config.model), read_weights(config.weights, config.model)
    last = min(head_of(network), default="")
    if last not in pretrained.tensors:
        raise ConfigError(f"weights={config.weights} lack the layer {last!r} of model={config.model}")
    num_outputs = len(pretrained.tensors[last])
    model = build(network, num_outputs)
    start_from(model, network, pretrained._replace(classes=("same",)), ("same",))
    manifest = load_manifest(config.source) if storage.exists(manifest_uri(config.source)) else None
    mean = pretrained.mean or (manifest.pixel_mean if manifest else None)
    std = pretrained.std or (manifest.pixel_std if manifest else None)
    if mean is None or std is None:
        raise ConfigError(
            f"weights={config.weights} do not say what pixels they want; give a bundle as model, or a dataset as source"
        )
    how = Preprocessing(
        policy=manifest.policy() if manifest else Policy.model_validate({}),
        resize_px=round(config.image_size * 8 / 7),
        crop_px=config.image_size,
        interpolation=pretrained.interpolation,
        mean=mean,
        std=std,
    )
    return network, num_outputs, model.state_dict(), how, {"weights": config.weights.rsplit("/", 1)[-1]}
