"""Residual networks for small images (He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2).

Three stages of 16, 32 and 64 channels; torchvision and timm have only those for large images.
"""

import torch
from torch import nn

SMALL_RESNETS = {f"small_resnet{depth}": depth for depth in (20, 32, 44, 56, 110)}


class _Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        same = channels_in == channels and stride == 1
        self.around = nn.Identity() if same else nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """float32 (B, channels_in, H, W) → (B, channels, H / stride, W / stride)."""
        return torch.relu(self.body(features) + self.around(features))


class SmallResNet(nn.Module):
    """float32 (B, 3, H, W) → logits (B, num_classes); `depth` is 6 n + 2 layers."""

    def __init__(self, depth: int, num_classes: int) -> None:
        """Make it with random weights."""
        super().__init__()
        blocks: list[nn.Module] = []
        channels_in = 16
        for channels in (16, 32, 64):
            for number in range((depth - 2) // 6):
                blocks.append(_Block(channels_in, channels, 2 if number == 0 and channels > 16 else 1))
                channels_in = channels
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(64, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify a batch."""
        features = self.blocks(self.stem(images))
        logits: torch.Tensor = self.head(features.mean((2, 3)))
        return logits
