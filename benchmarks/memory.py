"""Peak memory of a process and all its children: the proportional set size, in which shared pages count once."""

import threading
import time
from pathlib import Path


class PeakMemory:
    """Samples a process tree until the block ends; `mib` is the largest sum that it saw."""

    def __init__(self, pid: int, every_seconds: float = 0.5) -> None:
        """Watch `pid` and what it starts."""
        self._pid, self._every_seconds, self.mib = pid, every_seconds, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._every_seconds):
            self.mib = max(self.mib, sum(map(_pss_mib, _tree(self._pid))))


def peaks_of_tenths(pid: int, seconds: float) -> list[int]:
    """Wait for so long; return the peak memory in MiB of a process tree in each tenth of the time."""
    peaks = []
    for _ in range(10):
        with PeakMemory(pid, every_seconds=1.0) as memory:
            time.sleep(seconds / 10)
        peaks.append(round(memory.mib))
    return peaks


def _tree(pid: int) -> list[int]:
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
