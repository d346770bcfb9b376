"""How petastorm's row groups are read: one after the other, in the thread that asks for them."""

import time
from typing import Any

from petastorm.workers_pool import EmptyResultError
from petastorm.workers_pool.dummy_pool import DummyPool

POLL_SECONDS = 0.0005
NUM_AHEAD = 256


class SerialPool(DummyPool):  # type: ignore[misc]
    """Petastorm's pool without threads, without its waits.

    A reader's other thread hands out names of row groups, four at a time for each worker, and petastorm's own pool
    sleeps for 0.1 s whenever it is quicker than that thread, for ever if that thread ends just then. Here names
    wait by the hundred, and a wait is short. Petastorm's pool of real threads loses row groups of a finite epoch.
    """

    def __init__(self) -> None:
        """Say that there are more workers, which is how petastorm decides how many names may wait."""
        super().__init__()
        self.workers_count = NUM_AHEAD

    def get_results(self) -> Any:
        """Return what the next row group holds.

        Raises:
            EmptyResultError: there are no more row groups.
        """
        while not self._results_queue:
            is_last = self._ventilator.completed()  # asked before the queue is looked at: nothing comes after that
            if self._ventilator_queue:
                args, settings = self._ventilator_queue.pop(0)
                self._worker.process(*args, **settings)
                self._ventilator.processed_item()
            elif is_last:
                raise EmptyResultError()
            else:
                time.sleep(POLL_SECONDS)
        return self._results_queue.pop(0)
