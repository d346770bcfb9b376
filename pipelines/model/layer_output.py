"""A network up to one of its layers: images in, features out."""

import difflib
from typing import Literal

import torch
from torch import nn

from pipelines.errors import ConfigError

Pooling = Literal["mean", "max", "none"]


class LayerOutput(nn.Module):
    """Normalised images (B, 3, S, S) → what a layer returns for them, as float32 (B, D).

    The rest of the network runs too in torch, and is left out of the exported graph.
    """

    def __init__(self, model: nn.Module, layer: str, pooling: Pooling) -> None:
        """Watch the layer; `input:NAME` is what the layer takes instead of what it returns.

        Raises:
            ConfigError: there is no such layer; the message has the nearest names.
        """
        super().__init__()
        self.model, self.pooling = model, pooling
        self._seen: list[torch.Tensor] = []
        layers = dict(model.named_modules())
        name = layer.removeprefix("input:")
        if not name or name not in layers:
            near = difflib.get_close_matches(name, layers, n=5, cutoff=0.4) or list(layers)[-5:]
            raise ConfigError(f"layer={layer!r} is no layer of this network; near names: {', '.join(near)}")
        if layer.startswith("input:"):
            layers[name].register_forward_pre_hook(lambda _, given: self._seen.append(given[0]))
        else:
            layers[name].register_forward_hook(lambda _, given, returned: self._seen.append(returned))  # noqa: ARG005

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features of a batch; of a layer that runs several times, those of its last run."""
        self._seen.clear()
        self.model(images)
        found = self._seen[-1] if self._seen else None
        self._seen.clear()
        if not isinstance(found, torch.Tensor) or found.dim() < 2:
            raise ConfigError(f"the layer gives a {type(found).__name__}, no tensor (B, …); choose another layer=")
        if found.dim() == 4 and self.pooling != "none":
            found = found.mean((2, 3)) if self.pooling == "mean" else found.amax((2, 3))
        return found.flatten(1).to(torch.float32)
