"""A stream left alone: its memory while a folder fills for an hour.

    python -m benchmarks.soak --images /photos/clothing --model models/clothing

Photos come one by one, evenly, each under a name of its own. Memory is the proportional set size of all the stream's
processes, its peak in each tenth of the time. At the end every photo has to have been scored once.
"""

import argparse
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from itertools import cycle, islice
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.jobs import DARKROOM, wait_for_inputs
from benchmarks.memory import peaks_of_tenths
from benchmarks.results import append

NUM_DIFFERENT, TRIGGER = 500, "10 seconds"


def main() -> None:
    """Run it and keep what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, type=Path, help="folder with JPEGs")
    parser.add_argument("--model", required=True, help="a model bundle")
    parser.add_argument("--seconds", type=float, default=3600, help="how long photos come")
    parser.add_argument("--rate", type=float, default=5, help="photos a second")
    words = parser.parse_args()
    photos = [path.read_bytes() for path in islice(words.images.rglob("*.jpg"), NUM_DIFFERENT)]
    number = round(words.rate * words.seconds)
    with tempfile.TemporaryDirectory() as folder:
        inbox, target = Path(folder) / "inbox", Path(folder) / "scored"
        inbox.mkdir()
        settings = (f"source={inbox}", f"model={words.model}", f"target={target}", f"trigger={TRIGGER}")
        job = subprocess.Popen([DARKROOM, "score_stream", *settings], stdout=subprocess.DEVNULL)
        filling = threading.Thread(target=fill, args=(inbox, photos, words.rate, number))
        filling.start()
        peaks = peaks_of_tenths(job.pid, words.seconds)
        filling.join()
        wait_for_inputs(job, target, number)
        job.send_signal(signal.SIGTERM)
        job.wait(60)
        uris = pq.read_table(target / "predictions", columns=["uri"])["uri"].to_pylist()
    if not len(uris) == len(set(uris)) == number:
        raise SystemExit(f"{number} photos came; {len(uris)} predictions of {len(set(uris))} photos are there")
    facts = {"photos": number, "seconds": words.seconds, "trigger": TRIGGER, "peak_mib_by_tenth": peaks}
    append("soak", facts, shlex.join(["python", "-m", "benchmarks.soak", *sys.argv[1:]]))


def fill(inbox: Path, photos: list[bytes], rate: float, number: int) -> None:
    """Write photos evenly, as other programs do: aside first."""
    started = time.monotonic()
    for position, content in zip(range(number), cycle(photos), strict=False):
        time.sleep(max(0.0, started + position / rate - time.monotonic()))
        aside = inbox / f"_{position:08d}"
        aside.write_bytes(content)
        aside.rename(inbox / f"{position:08d}.jpg")


if __name__ == "__main__":
    main()
