"""A stream's memory does not grow with what it has scored."""

import subprocess
import time
from pathlib import Path

import numpy as np
import simplejpeg

from tests.bundles import write_bundle
from tests.cluster import topics
from tests.command import finish, start

NUM_BATCHES, RECORDS = 40, 20


def test_driver_and_workers_are_as_large_after_forty_batches_as_after_ten(kafka: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    photo = simplejpeg.encode_jpeg(noise, quality=90)  # 60 KB: 40 batches of 20 are 48 MB
    source = topics.create(kafka, "photos")
    topics.fill(source, [(None, photo)] * (NUM_BATCHES * RECORDS))
    words = (f"source={source}", f"target={tmp_path}/scored", f"max_offsets_per_trigger={RECORDS}")
    job = start("score_stream", *words, f"model={write_bundle(tmp_path / 'model')}", "trigger=available_now")
    after = dict[int, float]()
    while job.poll() is None:
        batches = len(list((tmp_path / "scored").glob("batches/*/[0-9]*.json")))
        if batches >= 10:
            after[batches] = python_mib(job) or after.get(batches, 0.0)
        time.sleep(0.2)
    finish(job)
    early, late = (max(after[batch] for batch in after if batch in span) for span in (range(10, 15), range(35, 40)))
    assert late < early + 20, after


def python_mib(job: "subprocess.Popen[str]") -> float:
    """Return the resident memory of the job's Python processes; the JVM's is bounded by its own settings."""
    listed = subprocess.run(["ps", "-eo", "sid,rss,comm"], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()[1:]]
    return sum(int(rss) for sid, rss, name in rows if sid == str(job.pid) and name.startswith("python")) / 1024
