"""Networks that the tests train: they write down which images they saw, not what the driver tries them on."""

import hashlib
import os
import time
from pathlib import Path

import torch
from torch import nn


class Witness(nn.Module):
    """Writes a line for every batch in training mode: process, then a hash of each distinct image."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and "HOROVOD_RANK" in os.environ:
            ids = sorted({hashlib.md5(image.numpy().tobytes()).hexdigest() for image in images})
            with Path(os.environ["WITNESS_FILE"]).open("a") as file:
                file.write(f"{os.getpid()} {' '.join(ids)}\n")
            time.sleep(float(os.environ.get("WITNESS_SECONDS", 0)))
        scores: torch.Tensor = self.layer(images.mean(dim=(2, 3)))
        return scores


class Failing(Witness):
    """Fails in training."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and "HOROVOD_RANK" in os.environ:
            raise RuntimeError("this network does not work")
        return super().forward(images)


class SlowStart(Witness):
    """Writes down the processes that make it, and takes its time."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        with Path(f"{os.environ['WITNESS_FILE']}-made").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(1)


class Heavy(Witness):
    """Has a checkpoint that takes its time to write."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.register_buffer("ballast", torch.zeros(96 * 2**20, dtype=torch.uint8))
