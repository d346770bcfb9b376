"""When a run ends before its last epoch, and which epoch is the best."""

from typing import Any

from pipelines.train.config import TrainConfig


def best_epoch(history: list[dict[str, Any]], tolerance: float = 0.0) -> int:
    """Return the first epoch that no later one beats in val_accuracy by more than `tolerance`."""
    best = 0
    for epoch, report in enumerate(history):
        if report["val_accuracy"] > history[best]["val_accuracy"] + tolerance:
            best = epoch
    return best


def stands_still(history: list[dict[str, Any]], config: TrainConfig) -> bool:
    """Say whether validation gained nothing for `early_stopping_patience` epochs."""
    if not config.early_stopping or len(history) < config.early_stopping_min_epochs:
        return False
    best = best_epoch(history, config.early_stopping_tolerance)
    return len(history) - 1 - best >= config.early_stopping_patience
