"""Loops without any framework: what the cores can do."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.pixels import shrink
from benchmarks.results import say


def rate_of_processes(work: Callable[[Sequence[Any]], object], items: Sequence[Any], num_processes: int) -> float:
    """Return items a second of processes that share the items: from when all are ready until the last is done."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(num_processes + 1)
    shares = [items[start::num_processes] for start in range(num_processes)]
    processes = [context.Process(target=_work, args=(work, share, barrier)) for share in shares]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    return len(items) / seconds


def between_ceilings(run: Callable[[int], float], ceiling: Callable[[], float], num_rounds: int) -> dict[str, float]:
    """Run darkroom so often, called with the round's number, with a ceiling before and after; return mean rates."""
    ceilings, rates = [ceiling()], []
    for number in range(num_rounds):
        rates.append(run(number))
        ceilings.append(ceiling())
        say(f"darkroom {rates[-1]:.0f}, ceiling {ceilings[-2]:.0f} and {ceilings[-1]:.0f} images/s")
    return {"ceiling": sum(ceilings) / len(ceilings), "darkroom": sum(rates) / len(rates)}


def _work(work: Callable[[Sequence[Any]], object], share: Sequence[Any], barrier: Any) -> None:
    torch.set_num_threads(1)
    try:
        work(share[:20])
        barrier.wait()
        work(share)
        barrier.wait()
    except BaseException:
        barrier.abort()  # which the parent sees
        raise


def shrink_files(files: Sequence[str]) -> int:
    """Read, decode, resize and encode files; return the bytes made."""
    return sum(len(shrink(Path(file).read_bytes())) for file in files)
