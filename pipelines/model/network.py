"""The network as it is used: uint8 pixels in, probabilities out."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn


def normalise(images: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Turn uint8 (B, 3, H, W) into float32, with mean and deviation of 0..1 pixels taken out."""
    means = torch.tensor(mean, device=images.device).view(1, 3, 1, 1)
    deviations = torch.tensor(std, device=images.device).view(1, 3, 1, 1)
    return (images.to(torch.float32) / 255 - means) / deviations


class InferenceNetwork(nn.Module):
    """uint8 (B, 3, S, S) → float32 probabilities (B, C), or features (B, D) as they are."""

    def __init__(
        self, model: nn.Module, mean: Sequence[float], std: Sequence[float], outputs: str = "probabilities"
    ) -> None:
        """Wrap a model that takes normalised images and returns logits (B, C), or features."""
        super().__init__()
        self.model, self.outputs = model, outputs
        self.mean, self.std = tuple(mean), tuple(std)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify a batch."""
        logits = cast(torch.Tensor, self.model(normalise(images, self.mean, self.std)))
        return torch.softmax(logits.to(torch.float32), dim=1) if self.outputs == "probabilities" else logits
