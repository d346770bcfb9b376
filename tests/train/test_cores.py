"""What a training process takes of its machine's cores."""

import multiprocessing
import os
import threading
from multiprocessing.connection import Connection

from pipelines.train.cores import keep_to_share_of_cores, patient_threads


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


def test_threads_that_start_meanwhile_wait_for_their_turn_and_no_others() -> None:
    over = threading.Event()
    with patient_threads():
        thread = threading.Thread(target=over.wait)
        thread.start()
    policies = [os.sched_getscheduler(number) for number in (thread.native_id or 0, threading.get_native_id())]
    over.set()
    assert policies == [os.SCHED_BATCH, os.SCHED_OTHER]
