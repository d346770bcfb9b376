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
        self._preprocessing = preprocessing
        self._is_bfloat16 = precision == "bfloat16"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 logits (B, C) of uint8 (B, 3, S, S)."""
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        inputs = normalise(images, self._preprocessing.mean, self._preprocessing.std)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._is_bfloat16):
            logits = cast(torch.Tensor, self.model(inputs))
        return logits.float()
