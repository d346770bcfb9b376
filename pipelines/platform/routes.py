"""Where requests for endpoints go: a table that the supervisor's thread replaces and the API's reads."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple


class Worker(NamedTuple):
    """One process, by its folder, and its port on loopback."""

    folder: str
    port: int


@dataclass(frozen=True)
class Variant:
    """A share of an endpoint's requests, and the workers that answer them."""

    name: str
    weight: float
    workers: list[Worker] = field(default_factory=list)


class Routes:
    """The table, and how many requests each worker has in work."""

    def __init__(self) -> None:
        """Begin empty."""
        self._variants: dict[str, list[Variant]] = {}
        self._in_work: Counter[str] = Counter()
        self._lock = threading.Lock()

    def point(self, endpoint: str, variants: list[Variant]) -> None:
        """Send what comes from now on to these."""
        with self._lock:
            self._variants[endpoint] = variants

    def remove(self, endpoint: str) -> None:
        """Send nothing there any more."""
        with self._lock:
            self._variants.pop(endpoint, None)

    def variants(self, endpoint: str) -> list[Variant]:
        """Return where requests for the endpoint go now; empty if it does not answer."""
        with self._lock:
            return self._variants.get(endpoint, [])

    @contextmanager
    def worker(self, endpoint: str, variant: str, avoid: set[Worker]) -> Iterator[tuple[Variant, Worker] | None]:
        """Choose a worker by the weights, the least busy of its variant, and count the request as its own.

        `variant` asks for one by name. None where there is none, or only such that are to be avoided.
        """
        with self._lock:
            chosen = self._choose(self._variants.get(endpoint, []), variant, avoid)
            if chosen:
                self._in_work[chosen[1].folder] += 1
        try:
            yield chosen
        finally:
            if chosen:
                with self._lock:
                    self._in_work[chosen[1].folder] -= 1

    def _choose(self, variants: list[Variant], name: str, avoid: set[Worker]) -> tuple[Variant, Worker] | None:
        left = [v for v in variants if (v.name == name if name else v.weight > 0) and set(v.workers) - avoid]
        if not left:
            return None
        (variant,) = random.choices(left, [v.weight or 1.0 for v in left])
        workers = sorted(set(variant.workers) - avoid, key=lambda worker: self._in_work[worker.folder])
        return variant, workers[0]

    def num_in_work(self, folder: str) -> int:
        """Return how many requests a worker has now."""
        with self._lock:
            return self._in_work[folder]
