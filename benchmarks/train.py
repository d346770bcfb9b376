"""Training on two processes: darkroom against twice one process alone, and against torch's DDP over gloo.

Every process has a core to itself, the one alone too, and as many photos of its own. One contender runs after the
other, each in turns of seconds with the bare loop of decode, resize and encode on both cores, as a shared host's cores
change their speed from minute to minute. Darkroom and DDP take turns with one another (benchmarks/turns.py). All epochs
count but a run's first, from one checkpoint to the next. What two processes lose to one another is told apart: two runs
of one process at the same time share the machine, but say nothing to each other; what Horovod's processes take longer
than those is communication and waiting, most of it for the core that is slower just then.
"""

import argparse
import contextlib
import functools
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.input import export
from benchmarks.jobs import all_cores, dataset, finish_job, start_job
from benchmarks.peers import venv
from benchmarks.photos import CACHE, files, photos
from benchmarks.pixels import shrink_files
from benchmarks.race import Race
from benchmarks.results import keep, say
from benchmarks.sampler import Sampler
from benchmarks.turns import Ceiling, Pause, alternating, seconds_of

EPOCHS, DUEL_EPOCHS = 4, 5
CONFIGURED = {
    "darkroom": "num_threads=1, AdamW, channels last, Horovod over gloo",
    "torch ddp": "gloo, AdamW, channels last, gradient_as_bucket_view, one torch thread and one DataLoader worker a "
    "process with our decoder and crop, a checkpoint after each epoch",
}


class Run(NamedTuple):
    """A `darkroom train`: of how many images, on what, with which settings."""

    images: int
    processes: int
    cores: list[int]
    settings: tuple[str, ...]


class Training(NamedTuple):
    """A run that goes on, and when its epochs end."""

    run: Run
    job: "subprocess.Popen[str]"
    epochs: "Written"

    def rate(self, pauses: Sequence[Pause]) -> float:
        """Return the images a second of all epochs but the first."""
        times = self.epochs.times
        return self.run.images * (len(times) - 1) / seconds_of(times[0], times[-1], pauses)


class Written(Sampler):
    """Notes when a file is written, by time.perf_counter()."""

    def __init__(self, file: Path) -> None:
        """Look ten times a second."""
        super().__init__(every_seconds=0.1)
        self._file, self.times = file, list[float]()

    def sample(self) -> None:
        """Look whether it was written anew."""
        with contextlib.suppress(FileNotFoundError):
            written = self._file.stat().st_mtime - time.time() + time.perf_counter()
            if not self.times or written > self.times[-1] + 0.05:
                self.times.append(written)


def main() -> None:
    """Measure all of them and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--network", default="resnet18", help="a network of torchvision")
    parser.add_argument("--number", type=int, default=96, help="photos of an epoch in each process")
    parser.add_argument("--batch", type=int, default=16, help="photos of a step in each process")
    parser.add_argument("--settings", nargs="*", default=[], help="of `train` whose effect is measured too, KEY=VALUE")
    words = parser.parse_args()
    pair = all_cores()[:2]
    plain = (f"model={words.network}", f"batch_size={words.batch}", "num_threads=1")
    one, two = Run(words.number, 1, pair[:1], plain), Run(2 * words.number, 2, pair, plain)
    contenders = {
        "alone": [one],
        "at once": [one._replace(cores=[core]) for core in pair],
        "darkroom": [two],
        **{setting: [two._replace(settings=(*plain, setting))] for setting in words.settings},
    }
    with Ceiling(shrink_files, files(photos(words.images, 64)), pair) as ceiling:
        race = Race(ceiling)
        for name, runs in contenders.items():
            race.run(name, functools.partial(train, words.images, runs))
    rates = race.rates()
    ours, ddp = duel(words.images, two, words.network, words.batch)
    keep(
        "train",
        {
            "ceiling": 2 * rates["alone"],
            "darkroom": rates["darkroom"],
            "torch ddp": rates["darkroom"] * ddp / ours,
        },
        network=words.network,
        batch_size=words.batch,
        images=2 * words.number,
        photos=(words.images and Path(words.images).name) or "made",
        processes=2,
        communication_share=round(1 - rates["darkroom"] / rates["at once"], 3),
        two_alone_at_once=round(rates["at once"] / (2 * rates["alone"]), 3),
        ratio_with={name: round(rates[name] / rates["darkroom"], 3) for name in words.settings},
        ceilings=race.ceilings,
        in_turns_with_ddp={"darkroom": round(ours, 2), "torch ddp": round(ddp, 2)},
        configured=CONFIGURED,
    )


def train(images: str, runs: list[Run], ceiling: Ceiling) -> float:
    """Run `darkroom train` so often, all at once, in turns with the ceiling; return the images a second of all."""
    with contextlib.ExitStack() as stack:
        trainings = [stack.enter_context(training(images, run, EPOCHS, number)) for number, run in enumerate(runs)]
        with ceiling.beside(*(each.job.pid for each in trainings)) as pauses:
            for each in trainings:
                finish_job(each.job)
    return sum(each.rate(pauses) for each in trainings)


def duel(images: str, run: Run, network: str, batch: int) -> tuple[float, float]:
    """Run `darkroom train` and DDP in turns with one another; return the images a second of both."""
    words = (export(dataset(photos(images, run.images))), network, batch, run.processes, DUEL_EPOCHS)
    with training(images, run, DUEL_EPOCHS) as ours:
        other = venv.start("ddp_train", words, venv.install())
        with alternating(ours.job.pid, other.pid) as (our_pauses, other_pauses):
            ((number, started, ended),) = venv.finish(other)["runs"]
            finish_job(ours.job)
    rates = ours.rate(our_pauses), number / seconds_of(started, ended, other_pauses)
    say(f"in turns with one another: darkroom {rates[0]:.2f}, torch ddp {rates[1]:.2f} images/s")
    return rates


@contextlib.contextmanager
def training(images: str, run: Run, epochs: int, number: int = 0) -> Iterator[Training]:
    """Start a `darkroom train` and note when its epochs end."""
    target = CACHE / "trained" / str(number)
    for place in (target, run_dir := target.with_name(f"{number}-run")):
        shutil.rmtree(place, ignore_errors=True)
    source = dataset(photos(images, run.images))
    words = (f"dataset={source}", f"target={target}", f"num_processes={run.processes}", f"epochs={epochs}")
    job = start_job("train", *words, *run.settings, cores=run.cores)
    with Written(run_dir / "metrics.json") as written:
        yield Training(run, job, written)


if __name__ == "__main__":
    main()
