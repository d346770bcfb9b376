"""Train and validate; knows nothing of Spark, Horovod's set-up or files."""

from collections.abc import Callable, Iterator

import torch
from torch import nn

from pipelines.model.network import normalise
from pipelines.model.preprocess import Preprocessing
from pipelines.train.batches import Batch
from pipelines.train.world import World


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[Batch],
    world: World,
    preprocessing: Preprocessing,
    on_step: Callable[[int], float],
) -> tuple[int, float, float]:
    """Step until no process has a batch left; return rows, mean loss and accuracy over all of them.

    A step's gradient is that of the mean over the rows of all processes; one without rows adds zeros.
    `on_step(rows so far)` is called before each step and returns its learning rate.
    """
    model.train()
    sums = torch.zeros(2, dtype=torch.float64)
    rows_so_far = 0
    while True:
        batch = next(batches, None)
        rows = len(batch.labels) if batch else 0
        (total,) = world.sum([rows], "rows")
        if total == 0:
            break
        rate = on_step(rows_so_far)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        if batch:
            sums += _backward(model, batch, total, preprocessing)
        else:
            for parameter in model.parameters():
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        rows_so_far += int(total)
    loss, hits = world.sum(sums.tolist(), "train")
    return rows_so_far, loss / max(rows_so_far, 1), hits / max(rows_so_far, 1)


def _backward(model: nn.Module, batch: Batch, total: float, preprocessing: Preprocessing) -> torch.Tensor:
    """Add the gradient of sum(loss) / total; return the sums of loss and hits."""
    images, labels = batch
    weights = torch.ones(len(labels))
    if len(labels) == 1:  # batch normalisation needs two rows: the copy has no weight
        images, labels, weights = images.repeat(2, 1, 1, 1), labels.repeat(2), torch.tensor([1.0, 0.0])
    logits = model(normalise(images, preprocessing.mean, preprocessing.std))  # (B, C)
    losses = nn.functional.cross_entropy(logits, labels, reduction="none") * weights
    (losses.sum() / total).backward()  # type: ignore[no-untyped-call]
    hits = ((logits.argmax(1) == labels) * weights).sum()
    return torch.stack([losses.sum().detach(), hits]).double()


def validate(
    model: nn.Module, batches: Iterator[Batch], world: World, preprocessing: Preprocessing
) -> tuple[int, float, float]:
    """Return rows, mean loss and accuracy over all processes."""
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64)
    with torch.inference_mode():
        for images, labels in batches:
            logits = model(normalise(images, preprocessing.mean, preprocessing.std))
            loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
            sums += torch.tensor([len(labels), loss.item(), (logits.argmax(1) == labels).sum().item()])
    rows, loss_sum, hits = world.sum(sums.tolist(), "validate")
    return int(rows), loss_sum / max(rows, 1), hits / max(rows, 1)
