"""What a process of a training run takes of its machine."""

import multiprocessing
import os
from multiprocessing.connection import Connection

from pyspark.sql import SparkSession

from pipelines.train.world import KEEP_FREED_MEMORY, keep_to_share_of_cores, launch


def _share(local_rank: int, local_size: int, told: Connection) -> None:
    keep_to_share_of_cores(local_rank, local_size)
    told.send(os.sched_getaffinity(0))


def share(local_rank: int, local_size: int) -> set[int]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_share, args=(local_rank, local_size, there))
    process.start()
    cores: set[int] = here.recv()
    process.join()
    return cores


def test_processes_of_one_machine_share_its_cores_without_overlap() -> None:
    first, second = share(0, 2), share(1, 2)
    assert first | second == os.sched_getaffinity(0)
    assert not first & second


def test_more_processes_than_cores_may_run_anywhere() -> None:
    assert share(0, len(os.sched_getaffinity(0)) + 1) == os.sched_getaffinity(0)


def test_glibc_keeps_the_memory_that_a_training_step_frees(spark: SparkSession) -> None:
    told = launch(spark, lambda: dict(os.environ), (), 1)
    assert KEEP_FREED_MEMORY.items() <= told.items()
