"""Cost as it grows: ingest or score of 3,000, 30,000 and 100,000 photos on all cores, of 3,000 and 20,000 on one.

The cost of an image is that of each further one, from one number of photos to the next: start-up drops out. It is told
in milliseconds of a core, and in photos of the bare loop of decode, resize and encode. The loop runs on the same cores,
on all of them at once, in turns of seconds with the job (benchmarks/turns.py): a shared host's cores change their speed
from minute to minute, and two cores at work are slower than one, as they share memory and caches. A tiny network
scores, so that the frame around it is measured. Memory is the proportional set size of a job at its peak.
"""

import argparse
import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.jobs import Done, all_cores, ingest
from benchmarks.models import bundle
from benchmarks.photos import CACHE, files, into_memory, photos
from benchmarks.pixels import shrink_files
from benchmarks.results import append, drawing, say
from benchmarks.score import score
from benchmarks.turns import Ceiling

TINY, TINY_PX = "small_resnet20", 32
Work = Callable[..., Done]


class Run(NamedTuple):
    """A job on so many images and cores, its memory, and a core's time for a photo in the bare loop of its minutes."""

    images: int
    cores: int
    seconds: float
    bare_loop_ms: float
    peak_mib: int

    @property
    def core_ms(self) -> float:
        """Milliseconds of all cores."""
        return self.seconds * self.cores * 1000


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
    """Run a job in turns with the bare loop on few photos, on the same cores."""
    into_memory(source)
    with Ceiling(shrink_files, files(few), cores) as ceiling:
        done = work(source, cores=cores, ceiling=ceiling)
        bare_loop_ms = len(cores) * 1000 / ceiling.rate
    measured = Run(number, len(cores), round(done.seconds, 1), round(bare_loop_ms, 3), round(done.peak_mib))
    say(str(measured))
    return measured


def cost(few: Run, many: Run) -> dict[str, Any]:
    """Return a core's time for each image that `many` has more, and how many photos of the bare loop that is."""
    number = many.images - few.images
    core_ms = (many.core_ms - few.core_ms) / number
    relative = (many.core_ms / many.bare_loop_ms - few.core_ms / few.bare_loop_ms) / number
    steps = {"from": few.images, "to": many.images, "cores": many.cores}
    return {**steps, "core_ms": round(core_ms, 3), "relative": round(relative, 3)}


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
        left.set(title=work, ylabel="a further image's cost / a photo of the bare loop")
        right.plot([run.images for run in runs], [run.peak_mib for run in runs], marker="o")
        right.set(xlabel="photos", ylabel="peak MiB", xscale="log", ylim=0)


if __name__ == "__main__":
    main()
