"""Contenders whose speed is told at the mean speed of one ceiling."""

import statistics
from collections.abc import Callable

from benchmarks.results import say
from benchmarks.turns import Ceiling


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
