"""One pass of training, in one process alone."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import nn

from pipelines.dataset import Manifest
from pipelines.images.policy import Policy
from pipelines.model.preprocess import Preprocessing
from pipelines.train.batches import Batch
from pipelines.train.config import TrainConfig
from pipelines.train.forward import Forward
from pipelines.train.gradients import Gradients
from pipelines.train.loop import Pass, Step, train_epoch
from pipelines.train.trainer import class_weights_of

HOW = Preprocessing(policy=Policy(), resize_px=8, crop_px=8, mean=(0.5,) * 3, std=(0.5,) * 3)
LOSS = functools.partial(nn.functional.cross_entropy, reduction="none")


class Alone:
    """A world of one process."""

    device, size = torch.device("cpu"), 1

    def sum(self, values: list[float], _name: str) -> list[float]:
        return [float(value) for value in values]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def batches(*sizes: int) -> list[Batch]:
    torch.manual_seed(1)
    return [Batch(torch.randint(0, 256, (n, 3, 8, 8), dtype=torch.uint8), torch.arange(n) % 2) for n in sizes]


def run(
    model: nn.Module,
    some: list[Batch],
    *,
    weights: tuple[float, float] = (1, 1),
    stop_at: int = 99,
    passes: int = 1,
    precision: str = "float32",
) -> Pass:
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    seen: list[int] = []

    def before_step(_steps: int, rows: int) -> Step:
        seen.append(rows)
        return Step(0.1, len(seen) > stop_at)

    steps = iter([some[start : start + passes] for start in range(0, len(some), passes)])
    world: Any = Alone()
    gradients = Gradients(model, world, 1, "none")
    forward = Forward(model, HOW, world.device, precision)
    return train_epoch(forward, optimizer, gradients, steps, world, LOSS, torch.tensor(weights), before_step)


def test_rows_are_counted_with_a_last_batch_of_one() -> None:
    assert run(network(), batches(4, 4, 1)).rows == 9


def test_a_step_that_is_stopped_is_not_done() -> None:
    assert run(network(), batches(4, 4, 4), stop_at=2)[0::3] == (8, True)


def test_the_loss_falls_on_what_was_seen_before() -> None:
    model, some = network(), batches(8)
    losses = [run(model, some).loss for _ in range(20)]
    assert losses[-1] < losses[0]


def test_bfloat16_teaches_what_float32_does_up_to_its_three_digits() -> None:
    models = {precision: network() for precision in ("float32", "bfloat16")}
    losses = {name: [run(model, batches(8), precision=name).loss for _ in range(20)] for name, model in models.items()}
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]
    assert all(weight.dtype == torch.float32 for weight in models["bfloat16"].parameters())


def test_frozen_layers_keep_their_weights_and_statistics() -> None:
    model = network()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("4."))
    before = copy.deepcopy(model.state_dict())
    run(model, batches(8))
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["4.weight", "4.bias"]


def test_two_batches_of_a_step_move_the_weights_as_one_batch_of_both() -> None:
    images, labels = batches(8)[0]
    halves = [Batch(images[:4], labels[:4]), Batch(images[4:], labels[4:])]
    one, two = (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)) for _ in range(2))
    two.load_state_dict(one.state_dict())
    assert run(one, [Batch(images, labels)]).rows == run(two, halves, passes=2).rows == 8
    assert torch.allclose(one[2].weight, two[2].weight)


def test_a_class_without_weight_teaches_nothing() -> None:
    images = batches(4)[0].images
    one, two = network(), network()
    run(one, [Batch(images, torch.tensor([0, 0, 1, 1]))], weights=(1, 0))
    run(two, [Batch(images, torch.tensor([0, 0, 0, 0]))], weights=(1, 0))
    assert not torch.equal(one[4].weight, two[4].weight)  # type: ignore[index]
    three = network()
    run(three, [Batch(images, torch.tensor([1, 1, 1, 1]))], weights=(0.5, 1))
    four = network()
    run(four, [Batch(images, torch.tensor([1, 1, 1, 1]))], weights=(0.5, 7))
    assert torch.allclose(three[4].weight, four[4].weight)  # type: ignore[index]


def test_balanced_weights_make_classes_count_alike() -> None:
    counts = {"train": {"cat": 30, "dog": 10, "emu": 0}, "val": {}, "test": {}}
    manifest = Manifest.model_construct(classes=("cat", "dog", "emu"), counts=counts)
    config = TrainConfig.model_validate({"dataset": "/d", "target": "/t", "class_weights": "balanced"})
    assert class_weights_of(config, manifest).tolist() == pytest.approx([40 / 60, 40 / 20, 0.0])
