"""Cost as it grows: ingest or score of 3,000, 30,000 and 100,000 photos on all cores, of 3,000 and 20,000 on one.

The cost of an image is that of each further one, from one number of photos to the next: start-up drops out. A shared
host's cores change their speed within seconds: a cost is therefore told in milliseconds of a core, and relative to what
the bare loop of decode, resize and encode takes on the same cores at the same time (benchmarks/pace.py). A tiny network
scores, so that the frame around it is measured. Memory is the proportional set size of a job's processes at its peak.
"""

import argparse
import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.jobs import Done, all_cores, ingest
from benchmarks.models import bundle
from benchmarks.pace import bare_loop
from benchmarks.photos import CACHE, into_memory, photos
from benchmarks.results import append, drawing, say
from benchmarks.score import score

TINY, TINY_PX = "small_resnet20", 32
Work = Callable[..., Done]


class Run(NamedTuple):
    """A job on so many images and cores, its memory, and a core's time for a photo in the bare loop meanwhile."""

    images: int
    cores: int
    seconds: float
    bare_loop_ms: float
    peak_mib: int


def main() -> None:
    """Measure one job and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=("ingest", "score"), help="which job")
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--numbers", type=int, nargs="+", default=[3_000, 30_000, 100_000], help="photos on all cores")
    parser.add_argument("--one-core", type=int, nargs="+", default=[3_000, 20_000], help="photos on one core")
    words = parser.parse_args()
    cores = all_cores()
    few = photos(words.images, 64)
    work: Work = ingest
    if words.work == "score":
        work = functools.partial(score, model=bundle(TINY, few, TINY_PX))
    source_of = dataset if words.work == "score" else Path
    on_all, on_one = (
        [run(work, source_of(photos(words.images, number)), number, few, chosen) for number in numbers]
        for numbers, chosen in ((words.numbers, cores), (words.one_core, cores[:1]))
    )
    steps = [cost(*pair) for runs in (on_all, on_one) for pair in itertools.pairwise(runs)]
    draw(words.work, steps, on_all)
    append(
        f"scale-{words.work}",
        {
            "cost": steps,
            "spread": {value: spread([step[value] for step in steps]) for value in ("core_ms", "relative")}
            | {"peak_mib": spread([run.peak_mib for run in on_all])},
            "runs": [run._asdict() for run in on_all + on_one],
            "photos": (words.images and Path(words.images).name) or "made",
            "network": f"{TINY}, {TINY_PX} px" if words.work == "score" else "none",
        },
    )


def dataset(folder: Path) -> Path:
    """Return the dataset of the photos, which the benchmark of ingest has made; make it if that has not run."""
    target = CACHE / "dataset" / folder.name
    if not (target / "dataset.json").exists():
        ingest(folder)
    return target


def run(work: Work, source: Path, number: int, few: Path, cores: list[int]) -> Run:
    """Run a job and measure the cores' speed meanwhile, by the bare loop on few photos."""
    into_memory(source)
    with bare_loop(few, cores) as pace:
        done = work(source, cores=cores)
    measured = Run(number, len(cores), round(done.seconds, 1), round(pace.seconds * 1000, 3), round(done.peak_mib))
    say(str(measured))
    return measured


def cost(few: Run, many: Run) -> dict[str, Any]:
    """Return a core's time for each image that `many` has more."""
    core_ms = (many.seconds - few.seconds) * many.cores * 1000 / (many.images - few.images)
    steps = {"from": few.images, "to": many.images, "cores": many.cores}
    return {**steps, "core_ms": round(core_ms, 3), "relative": round(core_ms / many.bare_loop_ms, 3)}


def spread(values: list[float]) -> float:
    """Return by how much the largest value exceeds the smallest."""
    return round(max(values) / min(values) - 1, 3)


def draw(work: str, steps: list[dict[str, Any]], runs: list[Run]) -> None:
    """Draw the cost of each step, and memory by the number of photos."""
    with drawing(f"scale-{work}", columns=2) as (left, right):
        names = [
            f"{step['from']:,} to {step['to']:,}\n{step['cores']} core{'s' * (step['cores'] > 1)}" for step in steps
        ]
        left.bar(names, [step["relative"] for step in steps])
        left.set(title=work, ylabel="a further image's cost / bare loop")
        right.plot([run.images for run in runs], [run.peak_mib for run in runs], marker="o")
        right.set(xlabel="photos", ylabel="peak MiB", xscale="log", ylim=0)


if __name__ == "__main__":
    main()
