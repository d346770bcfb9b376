"""The one place that imports Horovod: start the processes, and what they say to one another."""

import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from pyspark.sql import SparkSession
from torch import nn

from pipelines.errors import ConfigError


class World:
    """This process among the others of a run."""

    def __init__(self) -> None:
        """Join the other processes."""
        import horovod.torch as hvd

        hvd.init()
        self._hvd = hvd
        self.rank, self.size = int(hvd.rank()), int(hvd.size())

    def share(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Give every process rank 0's state; return the optimizer that sums gradients over processes."""
        self._hvd.broadcast_parameters(model.state_dict(), root_rank=0)
        self._hvd.broadcast_optimizer_state(optimizer, root_rank=0)
        named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        wrapped: torch.optim.Optimizer = self._hvd.DistributedOptimizer(optimizer, named, op=self._hvd.Sum)
        return wrapped

    def sum(self, values: list[float], name: str) -> list[float]:
        """Return the sums of `values` over all processes, in float64."""
        tensor = torch.tensor(values, dtype=torch.float64)
        total: list[float] = self._hvd.allreduce(tensor, op=self._hvd.Sum, name=name).tolist()
        return total

    def lost_another(self, error: Exception) -> bool:
        """Say whether the error only tells that another process has gone."""
        from horovod.common.exceptions import HorovodInternalError

        return isinstance(error, HorovodInternalError)

    def average_buffers(self, model: nn.Module) -> None:
        """Make the running statistics of batch normalisation the same everywhere: their mean."""
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(self._hvd.allreduce(buffer, op=self._hvd.Average, name=f"buffer.{name}"))


def launch(spark: SparkSession, work: Callable[..., Any], arguments: tuple[Any, ...], num_processes: int) -> Any:
    """Run `work(*arguments)` in that many processes, one a task slot; return rank 0's result.

    Raises:
        ConfigError: the session has fewer task slots.
    """
    import horovod.spark

    slots = spark.sparkContext.defaultParallelism
    if slots < num_processes:
        raise ConfigError(f"num_processes={num_processes}, but Spark has {slots} task slots; lower it or add cores")
    results = horovod.spark.run(
        work,
        args=arguments,
        num_proc=num_processes,
        use_gloo=True,
        start_timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=sys.stderr,
        stderr=sys.stderr,
        verbose=0,
    )
    return results[0]
