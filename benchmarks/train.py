"""Training on two processes: darkroom against twice one process alone, and against torch's DDP over gloo.

Every process has a core to itself, the one alone too, and as many photos of its own. The first epoch warms up, the best
of the others counts: in step, the slower of two processes sets the pace, and on a shared host one often is slower. What
two processes lose to one another is told apart: two runs of one process at the same time share the machine, but say
nothing to each other; what Horovod's processes take longer than those is communication and waiting.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.input import export
from benchmarks.jobs import all_cores, dataset, finish_job, start_job
from benchmarks.peers import venv
from benchmarks.photos import CACHE, photos
from benchmarks.results import keep, say

EPOCHS = 4
EXCHANGES = ("gradient_compression=fp16", "backward_passes_per_step=4")
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
    parser.add_argument("--number", type=int, default=64, help="photos of an epoch in each process")
    parser.add_argument("--batch", type=int, default=16, help="photos of a step in each process")
    words = parser.parse_args()
    first, second = all_cores()[:2]
    one, two = (dataset(photos(words.images, number)) for number in (words.number, 2 * words.number))
    settings = (f"model={words.network}", f"batch_size={words.batch}", f"epochs={EPOCHS}", "num_threads=1")
    (alone,) = train([(one, 1, [first])], *settings)
    say(f"one process alone {alone:.2f} images/s")
    at_once = sum(train([(one, 1, [first]), (one, 1, [second])], *settings))
    say(f"two alone at the same time {at_once:.2f} images/s")
    (together,) = train([(two, 2, [first, second])], *settings)
    say(f"two processes {together:.2f} images/s")
    changed = {}
    for setting in EXCHANGES:
        (rate,) = train([(two, 2, [first, second])], *settings, setting)
        changed[setting] = round(rate / together, 3)
        say(f"with {setting} {rate:.2f} images/s")
    ddp = {}
    for size, source in ((1, one), (2, two)):
        found = venv.run("ddp_train", export(source), words.network, words.batch, size, EPOCHS)
        ddp[size] = float(found["images_per_second"])
        say(f"torch ddp on {size} {ddp[size]:.2f} images/s")
    keep(
        "train",
        {"ceiling": 2 * alone, "darkroom": together, "torch ddp": ddp[2]},
        network=words.network,
        batch_size=words.batch,
        images=2 * words.number,
        photos=(words.images and Path(words.images).name) or "made",
        processes=2,
        communication_share=round(1 - together / at_once, 3),
        two_alone_at_once=round(at_once / (2 * alone), 3),
        ratio_with=changed,
        ddp_ratio_to_its_ceiling=round(ddp[2] / (2 * ddp[1]), 3),
        configured=CONFIGURED,
    )


def train(runs: list[tuple[Path, int, list[int]]], *settings: str) -> list[float]:
    """Run `darkroom train` for each dataset, processes and cores, all at once; return their images a second."""
    started = []
    for number, (source, num_processes, cores) in enumerate(runs):
        target = CACHE / "trained" / str(number)
        for place in (target, target.with_name(f"{number}-run")):
            shutil.rmtree(place, ignore_errors=True)
        words = (f"dataset={source}", f"target={target}", f"num_processes={num_processes}", *settings)
        started.append((target, start_job("train", *words, cores=cores)))
    for _, job in started:
        finish_job(job)
    return [_rate(target) for target, _ in started]


def _rate(target: Path) -> float:
    history: list[dict[str, Any]] = json.loads(
        target.with_name(f"{target.name}-run").joinpath("metrics.json").read_text()
    )
    return max(float(epoch["images_per_second"]) for epoch in history[1:])


if __name__ == "__main__":
    main()
