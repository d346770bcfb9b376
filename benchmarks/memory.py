"""Peak memory of a process and all its children: the proportional set size, in which shared pages count once."""

import time
from pathlib import Path

from benchmarks.sampler import Sampler


class PeakMemory(Sampler):
    """Samples a process tree until the block ends; `mib` is the largest sum that it saw."""

    def __init__(self, pid: int, every_seconds: float = 2.0) -> None:
        """Watch `pid` and what it starts. A look takes 30 ms of a core: twice a second it would cost a job 2 to 3 %."""
        super().__init__(every_seconds)
        self._pid, self.mib = pid, 0.0

    def sample(self) -> None:
        """Add up the sizes of now."""
        self.mib = max(self.mib, sum(map(_pss_mib, tree(self._pid))))


def peaks_of_tenths(pid: int, seconds: float) -> list[int]:
    """Wait for so long; return the peak memory in MiB of a process tree in each tenth of the time."""
    peaks = []
    for _ in range(10):
        with PeakMemory(pid, every_seconds=1.0) as memory:
            time.sleep(seconds / 10)
        peaks.append(round(memory.mib))
    return peaks


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for parent in found:
        found += parents.get(parent, [])
    return found


def _pss_mib(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0
