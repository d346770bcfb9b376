"""How much may be in work at once: images and bytes, so that a rush is refused and memory is bounded."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.serve.errors import Refused


class Admission:
    """Counts images and bytes in work; used from the event loop's thread alone."""

    def __init__(self, max_images: int, max_bytes: int, images_per_second: Callable[[], float]) -> None:
        """Set the limits; `images_per_second` says how long the queue will last."""
        self._max_images, self._max_bytes, self._rate = max_images, max_bytes, images_per_second
        self.num_images, self.num_bytes = 0, 0

    @contextmanager
    def images(self, count: int) -> Iterator[None]:
        """Hold places for `count` images during the block.

        Raises:
            Refused: 413 if so many can never be in work, 429 if they cannot now.
        """
        if count > self._max_images:
            raise Refused(413, "too_many_images", f"{count} images in one request; max_queue is {self._max_images}")
        if self.num_images + count > self._max_images:
            raise self._full(f"{self.num_images} images are in work, and max_queue is {self._max_images}")
        self.num_images += count
        try:
            yield
        finally:
            self.num_images -= count

    def add_bytes(self, count: int) -> None:
        """Count bytes of a body that arrived; whoever added them takes them away again, with a negative count.

        Raises:
            Refused: 429, all bodies together are too large; the bytes are counted all the same.
        """
        self.num_bytes += count
        if count > 0 and self.num_bytes > self._max_bytes:
            raise self._full(f"bodies of {self.num_bytes} bytes are in work, and max_held_bytes is {self._max_bytes}")

    def _full(self, why: str) -> Refused:
        seconds = max(1, math.ceil(self.num_images / max(self._rate(), 1e-9)))
        return Refused(429, "queue_full", f"{why}; try again in {seconds} s", retry_after=min(seconds, 60))
