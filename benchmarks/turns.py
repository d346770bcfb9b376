"""A bare loop in turns with what is measured, seconds each, on the same cores.

A shared host's cores change their speed from minute to minute. Here a job's processes are stopped every few seconds,
while those of the loop run, and the other way round (SIGSTOP, SIGCONT): both see the same minutes.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import torch

from benchmarks.memory import tree
from benchmarks.results import say

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
        pauses, over = list[Pause](), threading.Event()
        thread = threading.Thread(target=self._take_turns, args=(pids, pauses, over), daemon=True)
        thread.start()
        try:
            yield pauses
        finally:
            over.set()
            thread.join()

    def _take_turns(self, pids: Sequence[int], pauses: list[Pause], over: threading.Event) -> None:
        while not over.wait(JOB_SECONDS):
            started, stopped = time.perf_counter(), [_stop(pid) for pid in pids]
            self._turn()
            for process in itertools.chain.from_iterable(stopped):
                _send(process, signal.SIGCONT)
            pauses.append((started, time.perf_counter()))

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


class Race:
    """Contenders one after the other, each in turns with the ceiling."""

    def __init__(self, ceiling: Ceiling) -> None:
        """Nobody has run yet."""
        self._ceiling = ceiling
        self._rates: dict[str, float] = {}
        self.ceilings: dict[str, float] = {}

    def run(self, name: str, contender: Callable[[Ceiling], float]) -> None:
        """Run a contender, which takes turns with the ceiling and returns its images a second."""
        self._ceiling.forget()
        self._rates[name] = contender(self._ceiling)
        self.ceilings[name] = round(self._ceiling.rate, 1)
        say(f"{name}: {self._rates[name]:.1f} images/s in turns with {self.ceilings[name]} of the ceiling")

    def rates(self) -> dict[str, float]:
        """Return images a second of all, at the mean speed of the ceiling."""
        mean = statistics.mean(self.ceilings.values())
        return {"ceiling": mean, **{name: rate / self.ceilings[name] * mean for name, rate in self._rates.items()}}


def seconds_of(started: float, ended: float, pauses: Sequence[Pause]) -> float:
    """Return the seconds from start to end that were no pause."""
    return ended - started - sum(max(0.0, min(ended, end) - max(started, start)) for start, end in pauses)


def _stop(pid: int) -> list[int]:
    """Stop a process and its descendants; those that were born meanwhile too."""
    stopped: list[int] = []
    while new := [process for process in tree(pid) if process not in stopped]:
        for process in new:
            _send(process, signal.SIGSTOP)
        stopped += new
    return stopped


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _work(work: Work, share: Sequence[Any], done: Any, cores: Sequence[int]) -> None:
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(1)
    for start in itertools.cycle(range(0, len(share), CHUNK)):
        work(chunk := share[start : start + CHUNK])
        done.value += len(chunk)
