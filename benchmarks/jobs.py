"""Run darkroom's jobs as a user does."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.memory import PeakMemory
from benchmarks.photos import CACHE
from benchmarks.turns import Ceiling, seconds_of
from tools.stream_faults import num_inputs

DARKROOM = str(Path(sys.executable).parent / "darkroom")


class Done(NamedTuple):
    """What a job took, JVM and all, and what it said at its end."""

    seconds: float
    peak_mib: float
    summary: dict[str, Any]


def run_job(verb: str, *settings: str, cores: Sequence[int] = (), ceiling: Ceiling | None = None) -> Done:
    """Run `darkroom VERB`, on these cores alone if any are named, in turns with the ceiling if there is one.

    Time and memory are those of all its processes; the ceiling's turns do not count.
    """
    started = time.perf_counter()
    job = start_job(verb, *settings, cores=cores)
    turns = ceiling.beside(job.pid) if ceiling else contextlib.nullcontext([])
    with PeakMemory(job.pid) as memory, turns as pauses:
        summary = finish_job(job)
        ended = time.perf_counter()
    return Done(seconds_of(started, ended, pauses), memory.mib, summary)


def start_job(verb: str, *settings: str, cores: Sequence[int] = ()) -> "subprocess.Popen[str]":
    """Start a job, on these cores alone if any are named, and return at once."""
    pinned = ["taskset", "--cpu-list", ",".join(map(str, cores))] if cores else []
    command = [*pinned, DARKROOM, verb, *settings]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish_job(job: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for a job and return its last line."""
    output, errors = job.communicate()
    if job.returncode:
        raise SystemExit(errors[-3000:])
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    return summary


def ingest(photos: Path, cores: Sequence[int] = (), ceiling: Ceiling | None = None) -> Done:
    """Ingest photos anew to CACHE/dataset/NAME; every one of them has to be accepted."""
    target = CACHE / "dataset" / photos.name
    shutil.rmtree(target, ignore_errors=True)
    done = run_job("ingest", f"source={photos}", f"target={target}", cores=cores, ceiling=ceiling)
    if done.summary["accepted"] != done.summary["read"]:
        raise SystemExit(f"not every photo was accepted: {done.summary}")
    return done


def dataset(photos: Path) -> Path:
    """Return a dataset of the photos with nothing but a train split; it is made once and kept in the cache."""
    target = CACHE / "train-only" / photos.name
    if not (target / "dataset.json").exists():
        run_job("ingest", f"source={photos}", f"target={target}", "val_percent=0", "test_percent=0")
    return target


def all_cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def wait_for_inputs(job: "subprocess.Popen[bytes]", target: Path, number: int) -> None:
    """Wait until a stream has published so many inputs."""
    while num_inputs(target) < number:
        if job.poll() is not None:
            raise SystemExit(f"the stream has ended too soon, with exit code {job.returncode}")
        time.sleep(1)
