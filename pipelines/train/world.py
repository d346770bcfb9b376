"""The one place that imports Horovod: start the processes, and what they say to one another."""

import logging
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from pyspark.sql import SparkSession
from torch import nn

from pipelines.errors import ConfigError
from pipelines.train.cores import keep_to_share_of_cores, patient_threads

POLL_SECONDS = 0.0005
START_SECONDS = 300  # a busy cluster may take this long to give the task slots
# Of glibc, in bytes: else it returns a step's memory to the system, and the next step takes it again page by page.
KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(2**40)}


class World:
    """This process among the others of a run."""

    def __init__(self, fusion_mib: int, fusion_ms: float) -> None:
        """Join the other processes; what is ready travels every `fusion_ms`, in buffers of `fusion_mib`."""
        import horovod.torch as hvd

        os.environ["HOROVOD_FUSION_THRESHOLD"] = str(fusion_mib * 2**20)  # both are read by init alone
        os.environ["HOROVOD_CYCLE_TIME"] = str(fusion_ms)
        with patient_threads():
            hvd.init()
        self._hvd = hvd
        self.rank, self.size = int(hvd.rank()), int(hvd.size())
        self.device = self._choose_device()
        keep_to_share_of_cores(int(hvd.local_rank()), int(hvd.local_size()))

    def _choose_device(self) -> torch.device:
        """Return this process's GPU: the one that Spark gave it, else the one of its place on the machine; or the CPU.

        The GPU is used only if Horovod can send its tensors.
        """
        from horovod.spark.task import get_available_devices

        given = get_available_devices()
        log = logging.getLogger(__name__)
        if not torch.cuda.is_available():
            if given:
                log.warning(
                    "Spark gave GPU %s to process %d, but torch finds no CUDA: training on the CPU", given, self.rank
                )
            return torch.device("cpu")
        if not (self._hvd.nccl_built() or self._hvd.cuda_built()):
            log.warning(
                "process %d sees a GPU, but Horovod was built without NCCL: training on the CPU; "
                "run HOROVOD_GPU_OPERATIONS=NCCL make setup on a machine with CUDA and NCCL",
                self.rank,
            )
            return torch.device("cpu")
        device = torch.device("cuda", int(given[0]) if given else int(self._hvd.local_rank()))
        torch.cuda.set_device(device)
        return device

    def share(self, model: nn.Module) -> None:
        """Give every process rank 0's weights and statistics."""
        self._hvd.broadcast_parameters(model.state_dict(), root_rank=0)

    def sum(self, values: list[float], name: str) -> list[float]:
        """Return the sums of `values` over all processes, in float64."""
        tensor = torch.tensor(values, dtype=torch.float64)
        self.end_sum(self.begin_sum(tensor, name))
        total: list[float] = tensor.tolist()
        return total

    def begin_sum(self, tensor: torch.Tensor, name: str) -> int:
        """Begin to add up a contiguous tensor over all processes, in place; return what `end_sum` takes."""
        return int(self._hvd.allreduce_async_(tensor, op=self._hvd.Sum, name=name))

    def end_sum(self, handle: int) -> Any:
        """Sleep until an exchange is done: Horovod's own wait takes half of a core from the threads that do it."""
        while not self._hvd.poll(handle):
            time.sleep(POLL_SECONDS)
        return self._hvd.synchronize(handle)

    def gather(self, parts: list[torch.Tensor]) -> torch.Tensor | None:
        """Return the rows of all processes on rank 0, None elsewhere; `parts` are float32 (N, K), maybe none."""
        from horovod.torch.functions import allgather_object

        everywhere = [part for parts_of_one in allgather_object(parts, name="gather") for part in parts_of_one]
        return torch.cat(everywhere) if everywhere and self.rank == 0 else None

    def lost_another(self, error: Exception) -> bool:
        """Say whether the error only tells that another process has gone."""
        from horovod.common.exceptions import HorovodInternalError

        return isinstance(error, HorovodInternalError)

    def average_buffers(self, model: nn.Module) -> None:
        """Make the running statistics of batch normalisation the same everywhere: their mean."""
        buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        if buffers:
            handle = self._hvd.grouped_allreduce_async(buffers, op=self._hvd.Average, name="buffers")
            for buffer, mean in zip(buffers, self.end_sum(handle), strict=True):
                buffer.copy_(mean)


class HorovodBuild(NamedTuple):
    """What the installed Horovod was built with."""

    gloo: bool
    nccl: bool


def horovod_build() -> HorovodBuild:
    """Look at the installed Horovod; ImportError if it does not fit the installed torch."""
    import horovod.torch as hvd

    return HorovodBuild(bool(hvd.gloo_built()), bool(hvd.nccl_built()))


def launch(spark: SparkSession, work: Callable[..., Any], arguments: tuple[Any, ...], num_processes: int) -> Any:
    """Run `work(*arguments)` in that many processes, one a task slot; return rank 0's result.

    Raises:
        ConfigError: there are fewer task slots, or no room on the cluster within five minutes.
    """
    import horovod.spark
    from horovod.runner.common.util.timeout import TimeoutException

    slots = spark.sparkContext.defaultParallelism
    path = os.pathsep.join(entry for entry in sys.path if entry)
    if str(spark.sparkContext.master).startswith("local") and slots < num_processes:
        raise ConfigError(f"num_processes={num_processes}, but Spark has {slots} task slots; lower it or add cores")
    try:
        with _signals_of_main_thread():
            results = horovod.spark.run(
                work,
                args=arguments,
                num_proc=num_processes,
                use_gloo=True,
                start_timeout=START_SECONDS,
                env={**KEEP_FREED_MEMORY, **os.environ, "PYTHONPATH": path},
                stdout=sys.stderr,
                stderr=sys.stderr,
                verbose=0,
            )
    except TimeoutException as error:
        raise ConfigError(
            f"num_processes={num_processes} did not all start within {START_SECONDS} s; "
            "ask for more executors or cores, choose another queue, or lower num_processes"
        ) from error
    return results[0]


@contextmanager
def _signals_of_main_thread() -> Iterator[None]:
    """Keep Horovod from setting signal handlers where runs go side by side: Python lets the main thread alone do so."""
    from horovod.runner import gloo_run

    if threading.current_thread() is threading.main_thread():
        yield
        return
    quiet = types.SimpleNamespace(**{name: getattr(signal, name) for name in ("SIGINT", "SIGTERM")})
    quiet.signal = lambda number, handler: None  # noqa: ARG005
    gloo_run.signal = quiet
    yield
