"""Own parts of a training: a loss, an optimizer, an augmentation and a metric."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn


class FocalLoss(nn.Module):
    """Cross entropy that counts easy images less (Lin et al. 2017, https://arxiv.org/abs/1708.02002)."""

    def __init__(self, gamma: float = 2.0) -> None:
        """`gamma` of 0 is plain cross entropy."""
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return one loss a row, (B,): darkroom takes the mean over the rows of all processes."""
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        return (1 - torch.exp(-losses)) ** self.gamma * losses


class SignMomentum(torch.optim.Optimizer):
    """Steps of the same size in the direction of a running mean of gradients (signSGD with momentum).

    After Bernstein et al. 2018, https://arxiv.org/abs/1802.04434.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, beta: float = 0.9) -> None:
        """`beta` is the weight of the mean so far."""
        super().__init__(params, {"lr": lr, "beta": beta})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # noqa: ARG002
        """Update all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - group["beta"])
                parameter.sub_(group["lr"] * mean.sign())


def cutout(pixels: np.ndarray[Any, Any], random: np.random.Generator, share: float = 0.3) -> np.ndarray[Any, Any]:
    """Cover a random rectangle with gray (DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552).

    `pixels` are uint8 (H, W, 3); `random` is that of this image in this epoch: draw from nothing else, and the
    run can be repeated. What is returned may have any size; darkroom resizes it to the network's square.
    """
    height, width = (max(1, round(side * share)) for side in pixels.shape[:2])
    top = random.integers(0, pixels.shape[0] - height + 1)
    left = random.integers(0, pixels.shape[1] - width + 1)
    changed = pixels.copy()
    changed[top : top + height, left : left + width] = 128
    return changed


def worst_recall(labels: np.ndarray[Any, Any], probabilities: np.ndarray[Any, Any]) -> float:
    """Return the recall of the class that is found least; labels int64 (N,), probabilities float32 (N, C)."""
    answers = probabilities.argmax(axis=1)
    return min(float((answers[labels == label] == label).mean()) for label in np.unique(labels))
