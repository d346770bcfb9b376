"""Batch scoring: `darkroom score` against the engine's forward pass alone, Ray Data and Spark's predict_batch_udf.

Every contender scores JPEGs of short side 256 px out of the same Parquet files and writes Parquet, one thread for each
of two tasks. Start-up is taken out: darkroom's by a run on few photos, the peers' by a warm-up in the same process.
The ceiling is the engine that darkroom chose, on random pixels in as many processes. Each takes turns with it, seconds
each, and is held against the ceiling of its own minutes (benchmarks/turns.py).
"""

import argparse
import functools
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.jobs import Done, all_cores, dataset, run_job
from benchmarks.models import bundle
from benchmarks.peers import venv
from benchmarks.photos import CACHE, photos
from benchmarks.race import Race
from benchmarks.results import keep, say
from benchmarks.turns import CHUNK, Ceiling
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import Engine, open_engine

FEW, BATCH = 64, CHUNK
PEERS = {
    "ray data": ("ray_score", "torch"),
    "ray data, our engine": ("ray_score", "openvino"),
    "predict_batch_udf": ("spark_score", "torch"),
    "predict_batch_udf, our engine": ("spark_score", "openvino"),
}
CONFIGURED = {
    "all peers": "batches of 16; eager torch in float32 with Pillow and torchvision's v2 transforms, or the bundle's "
    "OpenVINO graph in the precision that darkroom chose with our decoder and crop; one torch thread a task",
    "ray data": "read_parquet, map_batches with a pool of two actors that decode and predict, write_parquet",
    "predict_batch_udf": "local[2], 64 rows an Arrow batch; the function decodes and predicts; Parquet",
}


class Work(NamedTuple):
    """A network, and how many photos darkroom and each peer score with it."""

    number: int
    peer_number: int


NETWORKS = {"resnet50": Work(3000, 240), "mobilenet_v3_large": Work(20000, 800)}


def main() -> None:
    """Measure all of them and keep one result a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--networks", default="resnet50", help=f"one or more of {','.join(NETWORKS)}")
    parser.add_argument("--share", type=float, default=1.0, help="how much of the photos to take, to try it out")
    parser.add_argument("--peers", default="|".join(PEERS), help="which peers, separated by |")
    words = parser.parse_args()
    for name in words.networks.split(","):
        work = Work(*(round(number * words.share) for number in NETWORKS[name]))
        measure(name, work, words)


def measure(network: str, work: Work, words: argparse.Namespace) -> None:
    """Score with one network."""
    few, many, some = (photos(words.images, number) for number in (FEW, work.number, work.peer_number))
    model, target = bundle(network, few), CACHE / "peer"
    start_up = score(dataset(few), model)
    engine, precision = start_up.summary["engine"], start_up.summary["precision"]
    runs: list[Done] = []
    say(network)

    def darkroom(ceiling: Ceiling) -> float:
        runs.append(score(dataset(many), model, ceiling=ceiling))
        return (work.number - FEW) / (runs[0].seconds - start_up.seconds)

    bare = functools.partial(forward, str(model), engine, precision)
    with Ceiling(bare, range(10 * BATCH), all_cores()) as ceiling:
        race = Race(ceiling)
        race.run("darkroom", darkroom)
        for name in filter(None, words.peers.split("|")):
            script, peer_engine = PEERS[name]
            python = Path(sys.executable) if script == "spark_score" else None  # Spark's own runs where darkroom does
            how = (script, dataset(some), target, network, peer_engine, model, precision)
            race.run(name, lambda ceiling, how=how, python=python: venv.rate(ceiling, *how, python=python))
    keep(
        "score",
        race.rates(),
        plot=f"score-{network}",
        network=network,
        engine=engine,
        precision=precision,
        images=work.number,
        peer_images=work.peer_number,
        photos=(words.images and Path(words.images).name) or "made",
        start_up_seconds=round(start_up.seconds, 1),
        peak_mib=round(runs[0].peak_mib),
        ceilings=race.ceilings,
        configured=CONFIGURED,
    )


def score(source: Path, model: Path, cores: Sequence[int] = (), ceiling: Ceiling | None = None) -> Done:
    """Run `darkroom score` anew."""
    target = CACHE / "scored"
    shutil.rmtree(target, ignore_errors=True)
    done = run_job("score", f"source={source}", f"model={model}", f"target={target}", cores=cores, ceiling=ceiling)
    if done.summary["predicted"] != done.summary["inputs"]:
        raise SystemExit(f"not every photo was scored: {done.summary}")
    return done


def forward(model: str, engine: str, precision: str, images: Sequence[int]) -> None:
    """Classify as many random images, at most BATCH."""
    network, pixels = open_once(model, engine, precision)
    network.predict(pixels[: len(images)])


@functools.lru_cache
def open_once(model: str, engine: str, precision: str) -> tuple[Engine, torch.Tensor]:
    """Open an engine in this process, and make a batch of random pixels for it."""
    stored = load_bundle(model)
    side_px = stored.info.preprocessing.crop_px
    pixels = torch.randint(0, 256, (BATCH, side_px, side_px, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    return open_engine(stored, engine, 1, precision), pixels


if __name__ == "__main__":
    main()
