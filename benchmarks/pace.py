"""How fast the cores are while something else runs on them.

A shared host's cores change their speed within seconds, so a ceiling before and after a job of minutes says little
about the time between. Here a thread does the bare work on a few photos every second, on each core in turn, and counts
its own CPU time: a percent of a core.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence


class Pace:
    """Samples a piece of work until the block ends; `seconds` is the mean CPU time of one item."""

    def __init__(self, work: Callable[[bytes], object], items: Sequence[bytes], cores: Sequence[int]) -> None:
        """Do `work` on all `items`, on one of the cores a second."""
        self._work, self._items, self._cores = work, items, cores
        self._samples: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Pace":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """CPU seconds of an item, the mean of all samples."""
        return statistics.mean(self._samples) / len(self._items)

    def _sample(self) -> None:
        turn = 0
        while not self._stop.wait(1):
            os.sched_setaffinity(0, {self._cores[turn % len(self._cores)]})  # of this thread alone
            self._work(self._items[0])  # brings code and data into the core's cache
            started = time.thread_time()
            for item in self._items:
                self._work(item)
            self._samples.append(time.thread_time() - started)
            turn += 1
