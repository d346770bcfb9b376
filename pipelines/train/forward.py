"""A training's forward pass: raw images in, logits out, in the precision of the run."""

from typing import cast

import torch
from torch import nn

from pipelines.model.network import normalise
from pipelines.model.preprocess import Preprocessing


class Forward:
    """Runs a network on the device, channels last.

    In bfloat16 the network computes under torch's autocast: its weights, and so their gradients, stay float32.
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing, device: torch.device, precision: str) -> None:
        """Use `model`, whose weights are on `device` and channels last."""
        self.model, self.device = model, device
        self._preprocessing, self._precision = preprocessing, precision

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 logits (B, C) of uint8 (B, 3, S, S)."""
        inputs = normalise(images.to(self.device), self._preprocessing.mean, self._preprocessing.std)
        return logits_of(self.model, inputs, self._precision)


def logits_of(model: nn.Module, inputs: torch.Tensor, precision: str) -> torch.Tensor:
    """Return float32 logits (B, C) of normalised float32 (B, 3, S, S); the network computes in `precision`."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = cast(torch.Tensor, model(inputs.contiguous(memory_format=torch.channels_last)))
    return logits.float()
