"""How fast the cores are while something else runs on them.

A shared host's cores change their speed within seconds, so a ceiling before and after a job of minutes says little
about the time between. Here a thread does the bare work on a few photos every second, on each core in turn, and counts
its own CPU time: a percent of a core. What the host gives to others meanwhile, "steal" in /proc/stat, is added.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.photos import files
from benchmarks.pixels import shrink
from benchmarks.sampler import Sampler


class Pace(Sampler):
    """Samples a piece of work until the block ends; `seconds` is the mean CPU time of one item."""

    def __init__(self, work: Callable[[bytes], object], items: Sequence[bytes], cores: Sequence[int]) -> None:
        """Do `work` on all `items`, on one of the cores a second."""
        super().__init__(every_seconds=1)
        self._work, self._items, self._cores = work, items, cores
        self._samples: list[float] = []
        self._before = ticks_of(cores)

    @property
    def seconds(self) -> float:
        """Seconds of a core for an item, the mean of all samples."""
        stolen, ticks = (after - before for after, before in zip(ticks_of(self._cores), self._before, strict=True))
        return statistics.mean(self._samples) / len(self._items) / (1 - stolen / ticks)

    def sample(self) -> None:
        """Do the work on the next core."""
        os.sched_setaffinity(0, {self._cores[len(self._samples) % len(self._cores)]})  # of this thread alone
        self._work(self._items[0])  # brings code and data into the core's cache
        started = time.thread_time()
        for item in self._items:
            self._work(item)
        self._samples.append(time.thread_time() - started)


def ticks_of(cores: Sequence[int]) -> tuple[int, int]:
    """Return how many ticks of these cores the host has stolen since it started, and how many there were: proc(5)."""
    names = {f"cpu{core}" for core in cores}
    words = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    ticks = [list(map(int, line[1:9])) for line in words if line[0] in names]
    return sum(core[7] for core in ticks), sum(map(sum, ticks))


def bare_loop(photos: Path, cores: Sequence[int]) -> Pace:
    """Sample decoding, resizing and encoding eight photos of a folder, on one thread."""
    torch.set_num_threads(1)
    return Pace(shrink, [Path(file).read_bytes() for file in files(photos)[:8]], cores)
