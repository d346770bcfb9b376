"""Networks by name, and what is said of wrong ones."""

import pytest
import torch
from torch import nn

from pipelines.errors import ConfigError
from pipelines.model.architectures import build
from pipelines.model.dry_run import check_output


class Small(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layer(images.mean(dim=(2, 3)))
        return scores


class Features(Small):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


@pytest.mark.parametrize("name", ["resnet18", "resnet152", "googlenet", "timm/resnet18", "tf_efficientnet_lite0"])
def test_a_network_by_name_returns_one_score_a_class(name: str) -> None:
    check_output(name, 7, 64)


def test_an_own_class_is_made_by_its_import_path() -> None:
    check_output(f"{__name__}:Small", 4, 16)


def test_a_misspelt_name_gets_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match=r"model='resnet81' is unknown .* resnet18"):
        build("resnet81", 2)


def test_a_missing_class_is_named() -> None:
    with pytest.raises(ConfigError, match="the module has no 'Missing'; it has .*Small"):
        build(f"{__name__}:Missing", 2)


def test_a_network_that_returns_no_scores_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"returns \(2, 3, 16, 16\) for 2 images; it must return scores \(2, 4\)"):
        check_output(f"{__name__}:Features", 4, 16)


def test_an_image_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"image_size=64"):
        check_output("vit_b_16", 2, 64)
