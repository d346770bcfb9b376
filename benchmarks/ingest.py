"""Photos to a dataset: darkroom against a bare loop of decode, resize and encode, and against Ray Data and Daft.

Every contender writes JPEGs of short side 256 px, quality 90, 4:2:0, to Parquet. Start-up is taken out: darkroom's by
the shortest of three runs on few photos, the peers' by a warm-up in the same process. Each takes turns with the
ceiling, seconds each, and is held against the ceiling of its own minutes (benchmarks/turns.py).
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.jobs import all_cores, ingest
from benchmarks.peers import venv
from benchmarks.photos import CACHE, files, into_memory, photos
from benchmarks.pixels import shrink_files
from benchmarks.race import Race
from benchmarks.results import keep
from benchmarks.turns import Ceiling

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
    parser.add_argument("--number", type=int, default=60_000, help="photos that darkroom ingests")
    parser.add_argument("--peer-number", type=int, default=8_000, help="photos that the ceiling and each peer take")
    parser.add_argument("--peers", default="|".join(PEERS), help="which peers, separated by |")
    words = parser.parse_args()
    many, some, few = (photos(words.images, number) for number in (words.number, words.peer_number, FEW))
    facts: dict[str, Any] = {}
    for folder in (many, some):
        into_memory(folder)

    def darkroom(ceiling: Ceiling) -> float:
        start_up = min(ingest(few).seconds for _ in range(3))  # a longer one would flatter
        done = ingest(many, ceiling=ceiling)
        facts.update(start_up_seconds=round(start_up, 1), peak_mib=round(done.peak_mib))
        return (words.number - FEW) / (done.seconds - start_up)

    with Ceiling(shrink_files, files(some), all_cores()) as ceiling:
        race = Race(ceiling)
        race.run("darkroom", darkroom)
        for name in filter(None, words.peers.split("|")):
            script, decoder = PEERS[name]
            race.run(name, lambda ceiling, how=(script, some, CACHE / "peer", decoder): venv.rate(ceiling, *how))
    keep(
        "ingest",
        race.rates(),
        images=words.number,
        peer_images=words.peer_number,
        photos=(words.images and Path(words.images).name) or "made",
        **facts,
        ceilings=race.ceilings,
        configured=CONFIGURED,
    )


if __name__ == "__main__":
    main()
