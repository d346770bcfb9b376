"""Training on two processes: darkroom against twice one process alone, and against torch's DDP over gloo.

Every process has a core to itself, the one alone too, and as many photos of its own. One contender runs after the
other. A shared host's cores change their speed meanwhile, so each rate is brought to the mean speed by the bare loop of
decode, resize and encode on the same cores at the same time (benchmarks/pace.py). All epochs count but a run's first.
What two processes lose to one another is told apart: two runs of one process at the same time share the machine, but
say nothing to each other; what Horovod's processes take longer than those is communication and waiting, most of it for
the core that is slower just then.
"""

import argparse
import functools
import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks.input import export
from benchmarks.jobs import all_cores, dataset, finish_job, start_job
from benchmarks.pace import bare_loop
from benchmarks.peers import venv
from benchmarks.photos import CACHE, photos
from benchmarks.results import keep, say

EPOCHS = 4
Seconds = list[float]  # of each epoch of a run
EXCHANGES = ("gradient_compression=fp16", "backward_passes_per_step=2")
CONFIGURED = {
    "darkroom": "num_threads=1, AdamW, channels last, Horovod over gloo",
    "torch ddp": "gloo, AdamW, channels last, gradient_as_bucket_view, one torch thread and one DataLoader worker a "
    "process with our decoder and crop",
}


def main() -> None:
    """Measure all of them and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--network", default="resnet18", help="a network of torchvision")
    parser.add_argument("--number", type=int, default=48, help="photos of an epoch in each process")
    parser.add_argument("--batch", type=int, default=16, help="photos of a step in each process")
    words = parser.parse_args()
    pair = all_cores()[:2]
    one, two = (dataset(photos(words.images, number)) for number in (words.number, 2 * words.number))
    settings = (f"model={words.network}", f"batch_size={words.batch}", f"epochs={EPOCHS}", "num_threads=1")
    together = functools.partial(train, [(two, 2, pair)], *settings)
    contenders: dict[str, Callable[[], list[Seconds]]] = {
        "alone": lambda: train([(one, 1, pair[:1])], *settings),
        "at once": functools.partial(train, [(one, 1, [core]) for core in pair], *settings),
        "darkroom": together,
        "torch ddp": lambda: [venv.run("ddp_train", export(two), words.network, words.batch, 2, EPOCHS)["seconds"]],
        **{setting: functools.partial(together, setting) for setting in EXCHANGES},
    }
    few = photos(words.images, 64)
    took: dict[str, list[Seconds]] = {}
    bare_loop_ms: dict[str, float] = {}
    for name, run in contenders.items():
        with bare_loop(few, pair[: 1 if name == "alone" else 2]) as pace:  # busy cores alone
            took[name] = run()
        bare_loop_ms[name] = round(pace.seconds * 1000, 3)
        say(f"{name}: {took[name]} s an epoch, the bare loop {bare_loop_ms[name]} ms a photo")
    mean_ms = statistics.mean(bare_loop_ms.values())
    num_images = {name: words.number * (1 if name == "alone" else 2) for name in contenders}
    rates = {name: num_images[name] / mean_seconds(runs) * bare_loop_ms[name] / mean_ms for name, runs in took.items()}
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
        seconds_an_epoch=took,
        bare_loop_ms=bare_loop_ms,
        configured=CONFIGURED,
    )


def mean_seconds(runs: list[Seconds]) -> float:
    """Return the mean of all runs' epochs but their first."""
    return statistics.mean(second for epochs in runs for second in epochs[1:])


def train(runs: list[tuple[Path, int, list[int]]], *settings: str) -> list[Seconds]:
    """Run `darkroom train` for each dataset, processes and cores, all at once; return their epochs' seconds."""
    started = []
    for number, (source, num_processes, cores) in enumerate(runs):
        target = CACHE / "trained" / str(number)
        for place in (target, target.with_name(f"{number}-run")):
            shutil.rmtree(place, ignore_errors=True)
        words = (f"dataset={source}", f"target={target}", f"num_processes={num_processes}", *settings)
        started.append((target, start_job("train", *words, cores=cores)))
    for _, job in started:
        finish_job(job)
    return [_seconds(target) for target, _ in started]


def _seconds(target: Path) -> Seconds:
    metrics = target.with_name(f"{target.name}-run") / "metrics.json"
    return [round(float(epoch["seconds"]), 2) for epoch in json.loads(metrics.read_text())]


if __name__ == "__main__":
    main()
