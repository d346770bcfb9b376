"""Work ahead of a reader, on threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_threads: int,
    depth: int,
    begin: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """Yield `function` of each item, in order, computed at most `depth` items ahead; without threads, one by one.

    Each thread calls `begin` first.
    """
    if not num_threads:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(num_threads, initializer=begin) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
