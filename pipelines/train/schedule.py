"""The learning rate over a run."""

import math

from pipelines.train.config import TrainConfig


def learning_rate(config: TrainConfig, progress: float) -> float:
    """Return the rate after `progress` epochs: scaled by processes, linear warm-up, then the schedule."""
    peak = config.learning_rate * config.num_processes
    if progress < config.warmup_epochs:
        return peak * max(progress, 0.01) / config.warmup_epochs
    if config.schedule == "constant":
        return peak
    share = (progress - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return peak * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
