"""The learning rate over a run."""

import math

from pipelines.train.config import TrainConfig


def learning_rate(config: TrainConfig, progress: float) -> float:
    """Return the rate after `progress` epochs: a linear warm-up, then the schedule.

    The peak is scaled by the number of processes, whose batches add up
    (Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 2.1).
    """
    peak = config.learning_rate * (config.num_processes if config.scale_learning_rate else 1)
    if progress < config.warmup_epochs:
        return peak * max(progress, 0.01) / config.warmup_epochs
    if config.schedule == "constant":
        return peak
    if config.schedule == "step":
        return float(peak * config.step_factor ** sum(progress >= epoch for epoch in config.step_epochs))
    share = (progress - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return peak * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
