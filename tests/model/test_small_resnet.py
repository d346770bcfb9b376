"""Residual networks for small images."""

import pytest
import torch
from torch import nn

from pipelines.model.architectures import build


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_a_small_resnet_has_as_many_layers_as_its_name_says(depth: int) -> None:
    model = build(f"small_resnet{depth}", 7)
    layers = [m for m in model.modules() if isinstance(m, nn.Linear) or getattr(m, "kernel_size", 0) == (3, 3)]
    assert len(layers) == depth
    assert model.eval()(torch.zeros(2, 3, 28, 28)).shape == (2, 7)
