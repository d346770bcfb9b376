"""A network in the manner of AlexNet, with local response normalisation.

After Krizhevsky, Sutskever and Hinton 2012, https://papers.nips.cc/paper/4824; the constants of the normalisation
are those of its section 3.3. The last pooling is adaptive, so that any image_size from 32 works.
"""

import torch
from torch import nn


class MyCNN(nn.Module):
    """Five convolutions and three linear layers; `width` is the number of the first convolution's filters."""

    def __init__(self, num_classes: int, width: int = 64, dropout: float = 0.5) -> None:
        """Make the layers; darkroom calls this with num_classes and with model_args."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            nn.Conv2d(width, 3 * width, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            nn.Conv2d(3 * width, 6 * width, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(6 * width, 4 * width, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * width, 4 * width, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(4),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(4 * 4 * 4 * width, 16 * width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(16 * width, 16 * width),
            nn.ReLU(inplace=True),
            nn.Linear(16 * width, num_classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores (B, num_classes) for normalised images (B, 3, S, S)."""
        scores: torch.Tensor = self.classifier(self.features(images))
        return scores
