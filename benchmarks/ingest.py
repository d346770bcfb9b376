"""Photos to a dataset: darkroom against a bare loop of decode, resize and encode, and against Ray Data and Daft.

Every contender writes JPEGs of short side 256 px, quality 90, 4:2:0, to Parquet. Start-up is taken out: darkroom's by a
run on few photos, the peers' by a warm-up in the same process. The ceiling is measured before and after darkroom.
"""

import argparse
from pathlib import Path

from benchmarks.ceiling import between_ceilings, rate_of_processes, shrink_files
from benchmarks.jobs import Done, ingest
from benchmarks.peers import venv
from benchmarks.photos import CACHE, files, into_memory, photos
from benchmarks.results import keep, say

FEW = 64
PEERS = {
    "ray data": ("ray_ingest", "theirs"),
    "ray data, our decoder": ("ray_ingest", "ours"),
    "daft": ("daft_ingest", "theirs"),
    "daft, our decoder": ("daft_ingest", "ours"),
}
CONFIGURED = {
    "ray data": "read_images with Pillow, map, write_parquet; one task a core",
    "ray data, our decoder": "read_binary_files, map_batches of 64, write_parquet",
    "daft": "url.download, image.decode, image.resize, image.encode, write_parquet; native runner",
    "daft, our decoder": "url.download, a batch function, write_parquet",
}


def main() -> None:
    """Measure all of them and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--number", type=int, default=30_000, help="photos that darkroom ingests")
    parser.add_argument("--peer-number", type=int, default=3_000, help="photos that the ceiling and each peer take")
    parser.add_argument("--rounds", type=int, default=1, help="darkroom's runs, with a ceiling before and after each")
    parser.add_argument("--peers", default="|".join(PEERS), help="which peers, separated by |")
    words = parser.parse_args()
    many, some, few = (photos(words.images, number) for number in (words.number, words.peer_number, FEW))
    into_memory(many)
    start_up = ingest(few).seconds
    runs: list[Done] = []

    def run(_: int) -> float:
        runs.append(ingest(many))
        return (words.number - FEW) / (runs[-1].seconds - start_up)

    measured = between_ceilings(run, lambda: ceiling(some), words.rounds)
    for name in filter(None, words.peers.split("|")):
        script, decoder = PEERS[name]
        measured[name] = float(venv.run(script, some, CACHE / "peer", decoder)["images_per_second"])
        say(f"{name} {measured[name]:.0f} images/s")
    keep(
        "ingest",
        measured,
        images=words.number,
        photos=(words.images and Path(words.images).name) or "made",
        start_up_seconds=round(start_up, 1),
        peak_mib=round(runs[-1].peak_mib),
        configured=CONFIGURED,
    )


def ceiling(folder: Path) -> float:
    """Return images a second of two bare processes."""
    return rate_of_processes(shrink_files, files(folder), 2)


if __name__ == "__main__":
    main()
