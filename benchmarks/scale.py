"""Cost as it grows: ingest and score of 3,000, 30,000 and 100,000 photos, on all cores and on one.

A tiny network scores, so that the frame around it is what is measured. The time of a run on few photos is taken out;
it and the runs on the fewest photos are the better of two. Memory is the proportional set size of a job's processes
at its peak.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.jobs import Done, all_cores, ingest
from benchmarks.models import bundle
from benchmarks.photos import CACHE, photos
from benchmarks.results import append, drawing, say
from benchmarks.score import score

FEW, TINY, TINY_PX = 64, "small_resnet20", 32


def main() -> None:
    """Measure all of them and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--numbers", type=int, nargs="+", default=[3_000, 30_000, 100_000], help="photos on all cores")
    parser.add_argument("--one-core", type=int, default=30_000, help="photos on one core")
    words = parser.parse_args()
    cores = all_cores()
    runs = measure(words.images, words.numbers, cores) + measure(words.images, [words.one_core], cores[:1])
    draw(runs)
    append(
        "scale",
        {
            "runs": runs,
            "spread": {work: spread(runs, work) for work in ("ingest", "score")},
            "photos": (words.images and Path(words.images).name) or "made",
            "network": f"{TINY}, {TINY_PX} px",
        },
    )


def measure(images: str, numbers: list[int], cores: list[int]) -> list[dict[str, Any]]:
    """Ingest and score each number of photos on the cores."""
    few = photos(images, FEW)
    model = bundle(TINY, few, TINY_PX)
    jobs: dict[str, Callable[[Path], Done]] = {
        "ingest": lambda folder: ingest(folder, cores=cores),
        "score": lambda folder: score(CACHE / "dataset" / folder.name, model, cores=cores),  # which ingest has made
    }
    runs = []
    start_up = {work: best_of_two(job, few) for work, job in jobs.items()}
    for number in numbers:
        folder = photos(images, number)
        for work, job in jobs.items():
            done = best_of_two(job, folder) if number == min(numbers) else job(folder)
            seconds = done.seconds - start_up[work].seconds
            runs.append(
                {
                    "work": work,
                    "images": number,
                    "cores": len(cores),
                    "images_per_second": round((number - FEW) / seconds, 1),
                    "core_ms_per_image": round(seconds * len(cores) * 1000 / (number - FEW), 3),
                    "start_up_seconds": round(start_up[work].seconds, 1),
                    "peak_mib": round(done.peak_mib),
                }
            )
            say(str(runs[-1]))
    return runs


def best_of_two(job: Callable[[Path], Done], folder: Path) -> Done:
    """Run a short job twice and return the faster run."""
    return min((job(folder) for _ in range(2)), key=lambda done: done.seconds)


def spread(runs: list[dict[str, Any]], work: str) -> dict[str, float]:
    """Return by how much the largest value exceeds the smallest: of a core's time an image, and of memory.

    Memory is compared on all cores, as fewer cores run fewer processes.
    """
    chosen = [run for run in runs if run["work"] == work]
    most = max(run["cores"] for run in chosen)
    costs = [run["core_ms_per_image"] for run in chosen]
    memory = [run["peak_mib"] for run in chosen if run["cores"] == most]
    return {
        "core_ms_per_image": round(max(costs) / min(costs) - 1, 3),
        "peak_mib": round(max(memory) / min(memory) - 1, 3),
    }


def draw(runs: list[dict[str, Any]]) -> None:
    """Draw cost and memory by the number of photos."""
    with drawing("scale", columns=2) as axes:
        for place, value in zip(axes, ("core_ms_per_image", "peak_mib"), strict=True):
            for work, cores in sorted({(run["work"], run["cores"]) for run in runs}):
                chosen = [run for run in runs if (run["work"], run["cores"]) == (work, cores)]
                numbers, values = [run["images"] for run in chosen], [run[value] for run in chosen]
                place.plot(numbers, values, marker="o", label=f"{work}, {cores} core{'s' * (cores > 1)}")
            place.set(xlabel="photos", ylabel=value.replace("_", " "), xscale="log", ylim=0)
        axes[0].legend()


if __name__ == "__main__":
    main()
