"""What a process of a training run takes of its machine."""

import os

from pyspark.sql import SparkSession

from pipelines.train.world import KEEP_FREED_MEMORY, World, launch


def test_glibc_keeps_the_memory_that_a_training_step_frees(spark: SparkSession) -> None:
    told = launch(spark, lambda: dict(os.environ), (), 1)
    assert KEEP_FREED_MEMORY.items() <= told.items()


def policies_of_threads() -> list[int]:
    World(1, 1.0)
    return [os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")]


def test_threads_of_horovod_wait_for_their_turn_on_a_core(spark: SparkSession) -> None:
    assert os.SCHED_BATCH in launch(spark, policies_of_threads, (), 1)
