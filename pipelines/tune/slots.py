"""Task slots that trials share: each waits until there are enough for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.train.config import TrainConfig
from pipelines.tune.config import TuneConfig


class Slots:
    """A number of slots."""

    def __init__(self, number: int) -> None:
        """Begin with all of them free."""
        self._number = self._free = number
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, number: int) -> Iterator[None]:
        """Hold so many for the block; who wants more than there are gets them all."""
        number = min(number, self._number)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= number)
            self._free -= number
        try:
            yield
        finally:
            with self._changed:
                self._free += number
                self._changed.notify_all()


def num_slots(config: TuneConfig, values: dict[str, Any]) -> int:
    """Return the task slots of a trial with these values: num_processes of train; a fit waits for no other."""
    if config.verb != "train":
        return 1
    default = TrainConfig.model_fields["num_processes"].default
    return int(values.get("num_processes", config.settings.get("num_processes", default)))
