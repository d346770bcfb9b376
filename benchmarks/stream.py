"""Kafka to predictions: the time from a record's timestamp until its prediction can be read, at half the batch rate.

    python -m benchmarks.stream --images /photos/clothing --model models/clothing

The batch rate is that of `darkroom score` on the same photos and engine, start-up taken out. Then records are produced
at half of it, evenly, while `darkroom score_stream` runs with trigger="0 seconds". A prediction can be read once its
batch's folder has been renamed to its place, which the filesystem remembers as the folder's ctime. Memory is the
proportional set size of all the stream's processes, its peak in each tenth of the time. Needs the broker of
`make cluster-up SERVICES=kafka`.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.jobs import DARKROOM, run_job, wait_for_inputs
from benchmarks.memory import peaks_of_tenths
from benchmarks.results import append
from tools.cluster import kafka

FEW = 64


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, type=Path, help="folder with JPEGs")
    parser.add_argument("--model", required=True, help="a model bundle")
    parser.add_argument("--number", type=int, default=2000, help="photos that darkroom score takes")
    parser.add_argument("--seconds", type=float, default=60, help="how long records are produced")
    parser.add_argument("--rate", type=float, default=0, help="records a second, instead of half the batch rate")
    words = parser.parse_args()
    photos = sorted(path for path in words.images.resolve().rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    photos = photos[: words.number]
    with tempfile.TemporaryDirectory() as folder:
        rates = {"produced": words.rate}
        if not words.rate:
            batch_rate = rate_of_score(photos, words.model, Path(folder))
            rates = {"batch": batch_rate, "produced": batch_rate / 2}
        print(f"images a second: {rates}; producing for {words.seconds:.0f} s", file=sys.stderr)
        contents = [path.read_bytes() for path in photos]
        measured = stream(contents, words.model, rates["produced"], words.seconds, Path(folder) / "streamed")
    facts = {
        "images_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        **measured,
        "images": words.images.name,
        "model": Path(words.model).name,
    }
    append("stream", facts, shlex.join(["python", "-m", "benchmarks.stream", *sys.argv[1:]]))


def rate_of_score(photos: list[Path], model: str, folder: Path) -> float:
    """Return images a second of `darkroom score`: of all photos, less the time for few of them."""
    seconds = {}
    for number in (FEW, len(photos)):
        table = folder / f"photos-{number}.csv"
        table.write_text("path\n" + "".join(f'"{path}"\n' for path in photos[:number]))
        done = run_job("score", f"source={table}", f"model={model}", f"target={folder}/scored-{number}")
        if done.summary["predicted"] != number:
            raise SystemExit(f"not every photo was scored: {done.summary}")
        seconds[number] = done.seconds
    return (len(photos) - FEW) / (seconds[len(photos)] - seconds[FEW])


def stream(contents: list[bytes], model: str, rate: float, seconds: float, target: Path) -> dict[str, Any]:
    """Produce records at `rate` a second while the stream runs; return latencies and memory."""
    servers, topic, number = kafka.up()["bootstrap_servers"], f"latency-{uuid.uuid4().hex[:8]}", int(rate * seconds)
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    words = [f"source=kafka://{servers}/{topic}", f"model={model}", f"target={target}", "trigger=0 seconds"]
    job = subprocess.Popen([DARKROOM, "score_stream", *words], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _produce(producer, topic, contents, b"warm", 1e9, FEW)
        wait_for_inputs(job, target, FEW)
        sending = threading.Thread(target=_produce, args=(producer, topic, contents, b"timed", rate, number))
        sending.start()
        peaks = peaks_of_tenths(job.pid, seconds)
        sending.join()
        wait_for_inputs(job, target, FEW + number)
        job.send_signal(signal.SIGTERM)
        job.wait(60)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    latencies = _latencies(target)
    if len(latencies) != number:
        raise SystemExit(f"{number} records were produced, but {len(latencies)} predictions are there")
    percentiles = {f"p{share}_seconds": round(float(np.percentile(latencies, share)), 3) for share in (50, 90, 99)}
    return {"records": number, "seconds": seconds, **percentiles, "peak_mib_by_tenth": peaks}


def _produce(producer: Producer, topic: str, contents: list[bytes], key: bytes, rate: float, number: int) -> None:
    """Send records evenly."""
    started = time.perf_counter()
    for position, content in zip(range(number), cycle(contents), strict=False):
        if (early := started + position / rate - time.perf_counter()) > 0:
            time.sleep(early)
        producer.produce(topic, content, key, partition=position % 2)
        producer.poll(0)
    producer.flush(60)


def _latencies(target: Path) -> list[float]:
    found: list[float] = []
    for folder in target.glob("predictions/date=*/batch_id=*"):
        visible = folder.stat().st_ctime
        rows = pq.read_table(folder, columns=["key", "timestamp"], partitioning=None).to_pylist()
        found += [visible - row["timestamp"].timestamp() for row in rows if row["key"] == "timed"]
    return found


if __name__ == "__main__":
    main()
