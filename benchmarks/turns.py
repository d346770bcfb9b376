"""A bare loop in turns with what is measured, seconds each, on the same cores.

A shared host's cores change their speed from minute to minute. Here a job's processes are stopped every few seconds,
while those of the loop run, and the other way round (SIGSTOP, SIGCONT): both see the same minutes.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import torch

from benchmarks.memory import tree

JOB_SECONDS, LOOP_SECONDS, CHUNK = 8.0, 3.0, 16
Work = Callable[[Sequence[Any]], object]
Pause = tuple[float, float]  # by time.perf_counter(), which all processes of a machine share


class Ceiling:
    """Processes that do the bare work over and over again, stopped but for their turns."""

    def __init__(self, work: Work, items: Sequence[Any], cores: Sequence[int]) -> None:
        """As many as there are cores, on these cores; each does the work on its share of the items, on one thread."""
        context = multiprocessing.get_context("spawn")
        shares = [items[start :: len(cores)] for start in range(len(cores))]
        self._done = [context.Value("q", 0, lock=False) for _ in shares]
        self._processes = [
            context.Process(target=_work, args=(work, share, done, cores), daemon=True)
            for share, done in zip(shares, self._done, strict=True)
        ]
        self._seconds, self._number = 0.0, 0

    def __enter__(self) -> Self:
        """Start, and wait until all have warmed up."""
        for process in self._processes:
            process.start()
        while not all(done.value for done in self._done):
            if not all(process.is_alive() for process in self._processes):
                raise SystemExit("the bare loop has failed")
            time.sleep(0.1)
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        for process in self._processes:
            process.kill()

    def forget(self) -> None:
        """Begin to count anew."""
        self._seconds, self._number = 0.0, 0

    @property
    def rate(self) -> float:
        """Images a second of all turns since then."""
        return self._number / self._seconds

    @contextlib.contextmanager
    def beside(self, *pids: int) -> Iterator[list[Pause]]:
        """Take turns with processes and their children until the block ends; give the pauses that they have had."""
        pauses = list[Pause]()
        with _meanwhile(self._take_turns, pids, pauses):
            yield pauses

    def _take_turns(self, pids: Sequence[int], pauses: list[Pause], over: threading.Event) -> None:
        while not over.wait(JOB_SECONDS):
            with _stopped(pids, pauses):
                self._turn()

    def _turn(self) -> None:
        before, started = self._count(), time.perf_counter()
        self._signal(signal.SIGCONT)
        time.sleep(LOOP_SECONDS)
        self._signal(signal.SIGSTOP)
        self._seconds += time.perf_counter() - started
        self._number += self._count() - before

    def _count(self) -> int:
        return sum(done.value for done in self._done)

    def _signal(self, number: int) -> None:
        for process in self._processes:
            os.kill(process.pid or 0, number)


@contextlib.contextmanager
def alternating(first: int, second: int) -> Iterator[tuple[list[Pause], list[Pause]]]:
    """Let two processes and their children run in turns until the block ends; give the pauses that each has had."""
    pauses = list[Pause](), list[Pause]()
    with _meanwhile(_alternate, (first, second), pauses):
        yield pauses


def _alternate(pids: tuple[int, int], pauses: tuple[list[Pause], list[Pause]], over: threading.Event) -> None:
    for number in itertools.cycle((0, 1)):
        with _stopped(pids[number : number + 1], pauses[number]):
            ended = over.wait(JOB_SECONDS)
        if ended:
            return


def seconds_of(started: float, ended: float, pauses: Sequence[Pause]) -> float:
    """Return the seconds from start to end that were no pause."""
    return ended - started - sum(max(0.0, min(ended, end) - max(started, start)) for start, end in pauses)


@contextlib.contextmanager
def _meanwhile(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Run `work(*arguments, over)` on a thread until the block ends, which sets the event `over`."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(*arguments, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def _stopped(pids: Sequence[int], pauses: list[Pause]) -> Iterator[None]:
    """Stop processes and their descendants until the block ends, those born meanwhile too; note the pause."""
    started, stopped = time.perf_counter(), list[int]()
    while new := [process for pid in pids for process in tree(pid) if process not in stopped]:
        for process in new:
            _send(process, signal.SIGSTOP)
        stopped += new
    yield
    for process in stopped:
        _send(process, signal.SIGCONT)
    pauses.append((started, time.perf_counter()))


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _work(work: Work, share: Sequence[Any], done: Any, cores: Sequence[int]) -> None:
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(1)
    for start in itertools.cycle(range(0, len(share), CHUNK)):
        work(chunk := share[start : start + CHUNK])
        done.value += len(chunk)
