"""Train and validate; knows nothing of Spark, Horovod's set-up or files."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn

from pipelines.train.batches import Batch
from pipelines.train.forward import Forward
from pipelines.train.gradients import Gradients
from pipelines.train.own import Loss
from pipelines.train.world import World


class Step(NamedTuple):
    """What is decided before a step: its learning rate, and whether this process wants to stop instead."""

    learning_rate: float
    stop: bool


class Pass(NamedTuple):
    """One pass over a split, or a part of it: rows of all processes, their mean loss and accuracy."""

    rows: int
    loss: float
    accuracy: float
    stopped: bool = False
    answers: tuple[torch.Tensor, torch.Tensor] | None = None  # labels (N,), probabilities (N, C)


def train_epoch(
    forward: Forward,
    optimizer: torch.optim.Optimizer,
    gradients: Gradients,
    steps: Iterator[Sequence[Batch]],
    world: World,
    loss_of: Loss,
    class_weights: torch.Tensor,
    before_step: Callable[[int, int], Step],
) -> Pass:
    """Step until no process has a batch left, or one wants to stop.

    `steps` are the batches of each step; their gradients are added up before the processes exchange them. A step's
    gradient is that of the weighted mean over the rows of all processes; one without rows adds zeros.
    `class_weights` is float32 (C,), on the CPU. `before_step` gets the steps and the rows done so far.
    """
    _to_training_mode(forward.model)
    sums = torch.zeros(2, dtype=torch.float64, device=world.device)
    steps_so_far, rows_so_far, stopped = 0, 0, False
    while True:
        batches = next(steps, ())
        step = before_step(steps_so_far, rows_so_far)
        num_rows = sum(len(batch.labels) for batch in batches)
        weights = sum(float(class_weights[batch.labels].sum()) for batch in batches)
        rows, weight, stop = world.sum([num_rows, weights, step.stop], "step")
        stopped = stop > 0
        if rows == 0 or stopped:
            break
        for group in optimizer.param_groups:
            group["lr"] = step.learning_rate
        gradients.begin(len(batches))
        for batch in batches:
            sums += _backward(forward, batch, weight, loss_of, class_weights)
        gradients.finish()
        optimizer.step()
        steps_so_far, rows_so_far = steps_so_far + 1, rows_so_far + int(rows)
    loss, hits = world.sum(sums.tolist(), "train")
    return Pass(rows_so_far, loss / max(rows_so_far, 1), hits / max(rows_so_far, 1), stopped)


def _to_training_mode(model: nn.Module) -> None:
    """Leave frozen layers in evaluation mode, so that their batch statistics stay."""
    model.train()
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def _backward(
    forward: Forward, batch: Batch, total_weight: float, loss_of: Loss, class_weights: torch.Tensor
) -> torch.Tensor:
    """Add the gradient of the batch's part of the weighted mean; return the sums of loss and hits."""
    images, labels = batch
    weights = torch.ones(len(labels))
    if len(labels) == 1:  # batch normalisation needs two rows: the copy has no weight
        images, labels, weights = images.repeat(2, 1, 1, 1), labels.repeat(2), torch.tensor([1.0, 0.0])
    of_classes = class_weights[labels].to(forward.device)
    labels, weights = labels.to(forward.device), weights.to(forward.device)
    logits = forward(images)
    losses = loss_of(logits, labels) * weights
    ((losses * of_classes).sum() / total_weight).backward()  # type: ignore[no-untyped-call]
    hits = ((logits.argmax(1) == labels) * weights).sum()
    return torch.stack([losses.sum().detach(), hits]).double()


def validate(
    forward: Forward, batches: Iterator[Batch], world: World, loss_of: Loss, *, keep_answers: bool = False
) -> Pass:
    """Measure the split of all processes; the loss is not weighted. Rank 0 gets all answers where they are kept."""
    forward.model.eval()
    sums = torch.zeros(3, dtype=torch.float64)
    answers: list[torch.Tensor] = []
    with torch.inference_mode():
        for images, labels in batches:
            labels = labels.to(world.device)
            logits = forward(images)
            loss = loss_of(logits, labels).sum()
            sums += torch.tensor([len(labels), loss.item(), (logits.argmax(1) == labels).sum().item()])
            if keep_answers:
                answers.append(torch.cat([labels[:, None], logits.softmax(1)], 1).cpu())
    rows, loss_sum, hits = world.sum(sums.tolist(), "validate")
    gathered = world.gather(answers) if keep_answers else None
    both = (gathered[:, 0].long(), gathered[:, 1:]) if gathered is not None else None
    return Pass(int(rows), loss_sum / max(rows, 1), hits / max(rows, 1), answers=both)
