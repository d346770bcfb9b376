"""Batch scoring: `darkroom score` against the engine's forward pass alone, Ray Data and Spark's predict_batch_udf.

Every contender scores JPEGs of short side 256 px out of the same Parquet files and writes Parquet, one thread for each
of two tasks. Start-up is taken out: darkroom's by a run on few photos, the peers' by a warm-up in the same process.
The ceiling is the engine that darkroom chose, on random pixels in as many processes. A shared host's cores change their
speed from minute to minute: each rate is brought to the mean speed by a bare loop of decoding and resizing on the same
cores at the same time (benchmarks/pace.py).
"""

import argparse
import functools
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.ceiling import rate_of_processes
from benchmarks.jobs import Done, all_cores, dataset, run_job
from benchmarks.models import bundle
from benchmarks.pace import Race
from benchmarks.peers import venv
from benchmarks.photos import CACHE, photos
from benchmarks.results import keep, say
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import Engine, open_engine

FEW, BATCH = 64, 16
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
    """A network, and how many photos darkroom, each peer and the ceiling score with it."""

    number: int
    peer_number: int
    ceiling_number: int


NETWORKS = {"resnet50": Work(800, 160, 128), "mobilenet_v3_large": Work(3000, 400, 1000)}


def main() -> None:
    """Measure all of them and keep one result a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="which networks, separated by commas")
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
    chosen = score(dataset(few), model).summary
    engine, precision = chosen["engine"], chosen["precision"]
    race, facts = Race(few, all_cores()), dict[str, Any]()
    say(network)

    def darkroom() -> float:
        start_up, done = score(dataset(few), model), score(dataset(many), model)
        facts.update(start_up_seconds=round(start_up.seconds, 1), peak_mib=round(done.peak_mib))
        return (work.number - FEW) / (done.seconds - start_up.seconds)

    race.run("ceiling", lambda: ceiling(model, engine, precision, work.ceiling_number))
    race.run("darkroom", darkroom)
    for name in filter(None, words.peers.split("|")):
        script, peer_engine = PEERS[name]
        race.run(name, functools.partial(peer, script, dataset(some), target, network, peer_engine, model, precision))
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
        **facts,
        bare_loop_ms=race.bare_loop_ms,
        configured=CONFIGURED,
    )


def peer(script: str, *words: object) -> float:
    """Return images a second of another tool; Spark's own function runs where darkroom does."""
    python = Path(sys.executable) if script == "spark_score" else None
    return float(venv.run(script, *words, python=python)["images_per_second"])


def score(source: Path, model: Path, cores: Sequence[int] = ()) -> Done:
    """Run `darkroom score` anew."""
    target = CACHE / "scored"
    shutil.rmtree(target, ignore_errors=True)
    done = run_job("score", f"source={source}", f"model={model}", f"target={target}", cores=cores)
    if done.summary["predicted"] != done.summary["inputs"]:
        raise SystemExit(f"not every photo was scored: {done.summary}")
    return done


def ceiling(model: Path, engine: str, precision: str, number: int) -> float:
    """Return images a second of an engine's forward passes, in a process for each core with one thread each."""
    work = functools.partial(forward, str(model), engine, precision)
    return rate_of_processes(work, range(number), len(all_cores()))


def forward(model: str, engine: str, precision: str, images: Sequence[int]) -> None:
    """Classify as many random images."""
    network = open_once(model, engine, precision)
    side_px = load_bundle(model).info.preprocessing.crop_px
    pixels = torch.randint(0, 256, (BATCH, side_px, side_px, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    for start in range(0, len(images), BATCH):
        network.predict(pixels[: len(images) - start])


@functools.lru_cache
def open_once(model: str, engine: str, precision: str) -> Engine:
    """Open an engine in this process."""
    return open_engine(load_bundle(model), engine, 1, precision)


if __name__ == "__main__":
    main()
