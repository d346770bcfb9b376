"""Training on two processes: darkroom against twice one process alone, and against torch's DDP over gloo.

Every process has a core to itself, the one alone too, and as many photos of its own. One contender runs after the
other, each in turns of seconds with the bare loop of decode, resize and encode on both cores, as a shared host's cores
change their speed from minute to minute (benchmarks/turns.py). All epochs count but a run's first. What two processes
lose to one another is told apart: two runs of one process at the same time share the machine, but say nothing to each
other; what Horovod's processes take longer than those is communication and waiting, most of it for the core that is
slower just then.
"""

import argparse
import functools
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.input import export
from benchmarks.jobs import all_cores, dataset, finish_job, start_job
from benchmarks.peers import venv
from benchmarks.photos import CACHE, files, photos
from benchmarks.pixels import shrink_files
from benchmarks.results import keep
from benchmarks.turns import Ceiling, Pause, Race, seconds_of

EPOCHS = 4
EXCHANGES = ("gradient_compression=fp16", "backward_passes_per_step=2")
CONFIGURED = {
    "darkroom": "num_threads=1, AdamW, channels last, Horovod over gloo",
    "torch ddp": "gloo, AdamW, channels last, gradient_as_bucket_view, one torch thread and one DataLoader worker a "
    "process with our decoder and crop",
}


class Run(NamedTuple):
    """What a `darkroom train` reads, and on what."""

    images: int
    processes: int
    cores: list[int]


def main() -> None:
    """Measure all of them and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--network", default="resnet18", help="a network of torchvision")
    parser.add_argument("--number", type=int, default=48, help="photos of an epoch in each process")
    parser.add_argument("--batch", type=int, default=16, help="photos of a step in each process")
    words = parser.parse_args()
    pair = all_cores()[:2]
    two = dataset(photos(words.images, 2 * words.number))
    settings = (f"model={words.network}", f"batch_size={words.batch}", f"epochs={EPOCHS}", "num_threads=1")
    of_ddp = (export(two), words.network, words.batch, 2, EPOCHS)
    run = functools.partial(train, words.images, settings)
    together = Run(2 * words.number, 2, pair)
    with Ceiling(shrink_files, files(photos(words.images, 64)), pair) as ceiling:
        race = Race(ceiling)
        race.run("alone", functools.partial(run, [Run(words.number, 1, pair[:1])]))
        race.run("at once", functools.partial(run, [Run(words.number, 1, [core]) for core in pair]))
        race.run("darkroom", functools.partial(run, [together]))
        race.run("torch ddp", lambda ceiling: venv.rate(ceiling, "ddp_train", *of_ddp))
        for setting in EXCHANGES:
            race.run(setting, functools.partial(run, [together], setting=setting))
    rates = race.rates()
    keep(
        "train",
        {"ceiling": 2 * rates["alone"], "darkroom": rates["darkroom"], "torch ddp": rates["torch ddp"]},
        network=words.network,
        batch_size=words.batch,
        images=2 * words.number,
        photos=(words.images and Path(words.images).name) or "made",
        processes=2,
        communication_share=round(1 - rates["darkroom"] / rates["at once"], 3),
        two_alone_at_once=round(rates["at once"] / (2 * rates["alone"]), 3),
        ratio_with={name: round(rates[name] / rates["darkroom"], 3) for name in EXCHANGES},
        ceilings=race.ceilings,
        configured=CONFIGURED,
    )


def train(images: str, settings: Sequence[str], runs: list[Run], ceiling: Ceiling, setting: str = "") -> float:
    """Run `darkroom train` so often, all at once; return the images a second of all, but for the first epoch."""
    jobs = []
    for number, run in enumerate(runs):
        target = CACHE / "trained" / str(number)
        for place in (target, run_dir := target.with_name(f"{number}-run")):
            shutil.rmtree(place, ignore_errors=True)
        source = dataset(photos(images, run.images))
        words = (f"dataset={source}", f"target={target}", f"num_processes={run.processes}", *settings)
        jobs.append((start_job("train", *words, *filter(None, [setting]), cores=run.cores), run, run_dir))
    with ceiling.beside(*(job.pid for job, *_ in jobs)) as pauses:
        for job, *_ in jobs:
            finish_job(job)
    return sum(rate_of(run, run_dir / "metrics.json", pauses) for _, run, run_dir in jobs)


def rate_of(run: Run, metrics: Path, pauses: Sequence[Pause]) -> float:
    """Return the images a second of all epochs but the first; the last one ends when their metrics are written."""
    seconds = [float(epoch["seconds"]) for epoch in json.loads(metrics.read_text())[1:]]
    ended = metrics.stat().st_mtime - time.time() + time.perf_counter()
    return run.images * len(seconds) / seconds_of(ended - sum(seconds), ended, pauses)


if __name__ == "__main__":
    main()
