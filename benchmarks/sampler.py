"""A thread that looks at something again and again while a block runs."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Sampler(ABC):
    """Calls `sample` every so many seconds until the block ends."""

    def __init__(self, every_seconds: float) -> None:
        """Begin with the block."""
        self._every_seconds, self._stop = every_seconds, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @abstractmethod
    def sample(self) -> None:
        """Look once."""

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_seconds):
            self.sample()
