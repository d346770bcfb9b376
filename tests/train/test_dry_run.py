"""Every part of a training is tried on two images before anything is asked of a cluster."""

from pathlib import Path

import pytest

from pipelines.config import load
from pipelines.errors import ConfigError
from pipelines.train.config import TrainConfig
from pipelines.train.dry_run import dry_run
from pipelines.train.own import collect_own

PARTS = Path(__file__).resolve().parents[2] / "docs" / "examples" / "my_parts.py"
NETWORKS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, wrong=0):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(8 + wrong, num_classes)

    def forward(self, images):
        return self.head(self.conv(images).mean((2, 3)))

class Thousand(Net):
    def __init__(self, num_classes):
        super().__init__(1000)

class Labels(Net):
    def forward(self, images):
        return super().forward(images).argmax(1, keepdim=True).expand(-1, 3)

class Pictures(Net):
    def forward(self, images):
        return {"logits": super().forward(images)}

class Infinite(Net):
    def forward(self, images):
        return super().forward(images) / 0

def mean_loss(logits, labels):
    return nn.functional.cross_entropy(logits, labels)

class Demanding(torch.optim.SGD):
    def __init__(self, params, lr, must):
        super().__init__(params, lr)

class Viewing(Net):
    def forward(self, images):
        weights = nn.functional.normalize(self.conv.weight.view(8, -1)).sum()
        return super().forward(images) * weights

def flat(pixels, random):
    return pixels[:, :, 0]

def broken(labels, probabilities):
    return labels / "x"
"""


def run(folder: Path, *words: str) -> None:
    (folder / "own.py").write_text(NETWORKS)
    shown = [word.replace("own.py", f"{folder}/own.py") for word in words]
    config = load(TrainConfig, ["dataset=/d", "target=/t", "image_size=16", *shown])
    dry_run(config, collect_own(config), 3)


def test_a_network_of_the_user_s_passes(tmp_path: Path) -> None:
    run(tmp_path, "model=own.py:Net", "model_args.num_classes=3")


def test_an_optimizer_may_have_arguments_without_default(tmp_path: Path) -> None:
    words = ("optimizer=own.py:Demanding", "optimizer_args.must=1")
    run(tmp_path, "model=own.py:Net", "model_args.num_classes=3", *words)


def test_own_parts_pass(tmp_path: Path) -> None:
    words = ("loss=FocalLoss", "optimizer=SignMomentum", "augmentation=cutout", "metric=worst_recall")
    own = [word.replace("=", f"={PARTS}:") for word in words]
    run(
        tmp_path,
        "model=own.py:Net",
        *own,
        "loss_args.gamma=1",
        "optimizer_args.beta=0.5",
        "augmentation_args.share=0.1",
    )


def test_parts_of_installed_packages_pass(tmp_path: Path) -> None:
    words = ("loss=torch.nn:CrossEntropyLoss", "loss_args.reduction=none", "optimizer=torch.optim:RAdam")
    run(tmp_path, "model=own.py:Net", *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["model=own.py:Thousand"],
            r"returns \(2, 1000\) .* scores \(2, 3\), one a class; its last layer is layer head",
        ),
        (["model=own.py:Net", "model_args.wrong=1"], r"layer head Linear\(in_features=9.*given float32 \(2, 8\)"),
        (["model=own.py:Net", "model_args.depth=1"], r"cannot be made with depth=1, num_classes=3: TypeError"),
        (["model=own.py:Net", "model_args.num_classes=5"], r"model_args.num_classes=5, but there are 3 classes"),
        (["model=own.py:Labels"], r"returns int64 \(2, 3\); scores must be float"),
        (["model=own.py:Pictures"], r"returns dict for 2 images"),
        (["model=own.py:Infinite"], r"returns NaN or infinity"),
        (["model=own.py:mean_loss"], r"cannot be made with num_classes=3"),
        (["model=resnet18", "model_args.widht=3"], r"does not take model_args={'widht': 3}"),
        (["loss=own.py:mean_loss"], r"returns float32 \(\) for 2 images; it must return one loss a row"),
        (["loss=own.py:mean_loss", "loss_args.gama=1"], r"loss=.* fails on two made-up images: TypeError.*gama"),
        (["model=own.py:Viewing"], r"does not run in training mode: view size is not compatible"),
        (["optimizer=own.py:Net"], r"optimizer=own.py:Net cannot be made"),
        (["augmentation=own.py:flat"], r"returns uint8 \(48, 64\); it must return uint8 \(H, W, 3\)"),
        (["metric=own.py:broken"], r"metric=.* fails on two made-up images"),
        (["optimizer=adamm"], r"optimizer='adamm': .*did you mean adam"),
        (["augmentation_args.share=1"], r"augmentation_args are for your own augmentation"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, words: list[str], message: str) -> None:
    model = [] if any(word.startswith("model=") for word in words) else ["model=own.py:Net"]
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, *model, *words)
