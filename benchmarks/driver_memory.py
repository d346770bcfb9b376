"""How the driver's memory grows with the number of files that `ingest` reads.

    python -m benchmarks.driver_memory 10000 100000 500000

For every number: as many distinct tiny JPEG files in ten folders, ingested by a driver whose executors are other
processes (`local-cluster`), then ingested once more with one new file. What lives on the driver's heap is looked at
after a garbage collection every two seconds; its highest value counts, and that of the driver's Python process. Each
ingest appends one line to benchmarks/results/driver_memory.jsonl; the slope from the first to the last is printed.
"""

import argparse
import datetime
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from tqdm import tqdm

RESULTS = Path(__file__).parent / "results" / "driver_memory.jsonl"
SPARK = (
    "--master local-cluster[2,1,1024] --driver-memory 1g --conf spark.driver.host=127.0.0.1 "
    "--conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false "
    "--conf spark.driver.extraJavaOptions=-XX:+UseSerialGC --conf spark.sql.shuffle.partitions=16 pyspark-shell"
)
LOOK_SECONDS = 2.0


def main(words: list[str]) -> int:
    """Measure every number in a process of its own, so that one does not count another's memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver_memory", description=__doc__.splitlines()[0])
    parser.add_argument("num_files", type=int, nargs="+", help="numbers of files, as in 10000 100000 500000")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.one:
        return measure(arguments.num_files[0])
    for number in arguments.num_files:
        subprocess.run([sys.executable, "-m", "benchmarks.driver_memory", "--one", str(number)], check=True)
    found = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    for work in ("all files are new", "one file is new"):
        measured = {line["files"]: line for line in found if line["work"] == work}
        print(json.dumps({"work": work, **slope(measured[min(measured)], measured[max(measured)])}))
    return 0


def slope(first: dict[str, Any], last: dict[str, Any]) -> dict[str, float]:
    """Return the bytes that one more file costs."""
    more = max(last["files"] - first["files"], 1)
    return {
        f"{kind}_bytes_per_file": round((last[f"driver_{kind}_mib"] - first[f"driver_{kind}_mib"]) * 2**20 / more, 1)
        for kind in ("heap", "python")
    }


def measure(num_files: int) -> int:
    """Ingest that many files, then one more, and write down the driver's memory."""
    os.environ |= {"PYSPARK_SUBMIT_ARGS": SPARK, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.getcwd()}
    from pipelines.ingest.config import IngestConfig
    from pipelines.ingest.run import ingest
    from pipelines.session import open_session

    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        write_files(Path(folder) / "photos", range(num_files))
        config = IngestConfig(source=f"{folder}/photos", target=f"{folder}/dataset")
        with open_session("driver memory") as spark:
            for work in ("all files are new", "one file is new"):
                with Watch(spark) as watch:
                    summary = ingest(spark, config)
                report(work, num_files, summary, watch)
                write_files(Path(folder) / "photos", range(num_files, num_files + 1))
    return 0


def write_files(folder: Path, numbers: range) -> None:
    """Write JPEG files of 8 x 8 px, each with its number in a comment, so that no two are the same."""
    jpeg = simplejpeg.encode_jpeg(np.full((8, 8, 3), 128, np.uint8))
    for number in tqdm(numbers, desc="files", disable=None):
        comment = str(number).encode()
        place = folder / f"class{number % 10}" / f"{number:08d}.jpg"
        if number < numbers.start + 10:
            place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:])


class Watch:
    """The highest live heap of the driver's JVM, in bytes, and the seconds of a block."""

    def __init__(self, spark: Any) -> None:
        """Watch the session's JVM."""
        self._jvm, self._finished, self.heap_bytes, self.seconds = spark._jvm, threading.Event(), 0, 0.0
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Watch":
        """Begin."""
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End with one more look."""
        self._finished.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._started

    def _follow(self) -> None:
        runtime = self._jvm.java.lang.Runtime.getRuntime()
        while not self._finished.wait(LOOK_SECONDS):
            self._jvm.java.lang.System.gc()
            self.heap_bytes = max(self.heap_bytes, runtime.totalMemory() - runtime.freeMemory())


def report(work: str, num_files: int, summary: dict[str, Any], watch: Watch) -> None:
    """Append a line to the results, and print it."""
    line = {
        "benchmark": "driver_memory",
        "work": work,
        "files": num_files,
        "read": summary["read"],
        "accepted": summary["accepted"],
        "driver_heap_mib": round(watch.heap_bytes / 2**20, 1),
        "driver_python_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1),
        "seconds": round(watch.seconds, 1),
        "command": shlex.join(["python", "-m", "benchmarks.driver_memory", str(num_files)]),
        "date": datetime.date.today().isoformat(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
