"""Score a topic of Kafka while driver, executors, Python workers and the broker are killed with -9, then count.

    python -m tools.stream_faults photos=/photos model=/models/photos target=/tmp/faults records=20000 kills=12

Starts the broker of `make cluster-up` and kills it too. The last line is one JSON object; exit code 1 if a record is
lost or there twice for any of pyarrow, pandas, petastorm and Spark.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from pipelines.session import PHOTO_DAEMON, open_session
from tools.cluster import kafka
from tools.cluster.process import pid_of

VICTIMS = ("executor", "driver", "worker", "broker", "jvm")
HOME = Path(__file__).resolve().parent.parent
LAST_RECORDS = 20
LONGEST_SEARCH = 300  # seconds without one process of the kind that is to be killed
PROGRAMS = {"executor": "CoarseGrainedExecutorBackend", "jvm": "org.apache.spark.deploy.SparkSubmit"}


class Stream:
    """A stream that is started again whenever it has died."""

    def __init__(self, words: list[str], log: Path) -> None:
        """Start it; what it says goes to `log`."""
        self._words, self._log = words, log
        self.num_starts = 0
        self.start()

    def start(self) -> None:
        """Start the stream in a session of its own, so that its processes can be told from others."""
        command = [sys.executable, "-m", "pipelines.cli", "score_stream", *self._words]
        environment = {**os.environ, "PYTHONPATH": str(HOME)}
        with self._log.open("ab") as log:
            self.job = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, start_new_session=True
            )
        self.num_starts += 1

    def kill(self, victim: str, chance: random.Random) -> bool:
        """Kill one process of a kind with -9; False if there is none at the moment."""
        if victim == "broker":
            pid = pid_of("kafka")
        elif victim == "driver":
            pid = self.job.pid if self.job.poll() is None else None
        else:
            found = self.processes(victim)
            pid = chance.choice(found) if found else None
        if not pid:
            return False
        os.kill(pid, signal.SIGKILL)
        if victim == "broker":
            time.sleep(chance.uniform(1, 6))
            kafka.up()
        return True

    def processes(self, kind: str) -> list[int]:
        """Return this stream's JVM, executors or forked Python workers."""
        listed = subprocess.run(["ps", "-eww", "-o", "pid,ppid,sid,args"], capture_output=True, text=True, check=True)
        lines = [line.split(None, 3) for line in listed.stdout.splitlines()[1:]]
        mine = [line for line in lines if line[2] == str(self.job.pid) and len(line) == 4]
        if kind == "worker":
            daemons = {pid for pid, _, _, words in mine if PHOTO_DAEMON in words}
            return [int(pid) for pid, parent, *_ in mine if parent in daemons]
        return [int(pid) for pid, _, _, words in mine if PROGRAMS[kind] in words and "java" in words.split()[0]]

    def keep_alive(self) -> None:
        """Start it again if it has died."""
        if self.job.poll() is not None:
            self.start()

    def end(self) -> dict[str, Any]:
        """Ask it to end and return its last line."""
        self.job.send_signal(signal.SIGTERM)
        stdout, _ = self.job.communicate(timeout=300)
        if self.job.returncode:
            raise SystemExit(f"the stream ended with exit code {self.job.returncode}; its log is {self._log}")
        summary: dict[str, Any] = json.loads(stdout.splitlines()[-1])
        return summary


class Topic:
    """A topic of Kafka that grows: photos in turn, each record with a key of its own, from "0" on."""

    def __init__(self, photos: list[bytes]) -> None:
        """Make the topic, empty; starts the broker of `make cluster-up` if it does not run."""
        servers, topic = kafka.up()["bootstrap_servers"], f"faults-{uuid.uuid4().hex[:8]}"
        admin = AdminClient({"bootstrap.servers": servers})  # a name keeps it alive until the topic is there
        admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
        self.uri = f"kafka://{servers}/{topic}"
        self.num_records = 0
        self._servers, self._topic, self._photos = servers, topic, photos

    def add(self, num_records: int) -> None:
        """Write that many records more, and wait until Kafka has them."""
        producer = Producer(
            {"bootstrap.servers": self._servers, "enable.idempotence": True, "queue.buffering.max.kbytes": 65536}
        )
        for number in range(self.num_records, self.num_records + num_records):
            while True:
                try:
                    producer.produce(self._topic, self._photos[number % len(self._photos)], str(number).encode())
                    break
                except BufferError:
                    producer.poll(0.1)
        if producer.flush(300):
            raise SystemExit("Kafka did not take all records")
        self.num_records += num_records


def disturb(stream: Stream, target: Path, topic: Topic, kills: Iterator[str], chance: random.Random) -> Counter[str]:
    """Kill one process after the other until the kills are used up, then wait for all records.

    Every second one is killed while a batch is being published, the others at any moment of it. The topic gets more
    records when a quick stream has scored nearly all of them and there are kills left, and some after the last kill,
    which only a stream that goes on can score.
    """
    killed: Counter[str] = Counter()
    victim = next(kills, None)
    batches = num_published(target)
    last_kill = time.monotonic()
    while (scored := num_inputs(target)) < topic.num_records or victim:
        stream.keep_alive()
        if victim and scored > 0.8 * topic.num_records:
            topic.add(topic.num_records // 4)
        if victim and num_published(target) > batches:
            _wait_for_a_moment(stream, target, chance, while_publishing=killed.total() % 2 == 1)
            if stream.kill(victim, chance):
                killed[victim] += 1
                print(f"killed {victim}; {scored} of {topic.num_records} records are published", file=sys.stderr)
                last_kill, victim = time.monotonic(), next(kills, None)
                if not victim:
                    topic.add(LAST_RECORDS)
            batches = num_published(target)
        if victim and time.monotonic() - last_kill > LONGEST_SEARCH:
            raise SystemExit(f"no {victim} to kill was found in {LONGEST_SEARCH} s")
        time.sleep(0.05)
    return killed


def _wait_for_a_moment(stream: Stream, target: Path, chance: random.Random, *, while_publishing: bool) -> None:
    if not while_publishing:
        last = max(target.glob("batches/*/[0-9]*.json"), key=lambda path: path.stat().st_mtime)
        time.sleep(chance.uniform(0, 1.2 * json.loads(last.read_bytes())["seconds"]))
        return
    plan = target / "_staging" / "moves.json"
    started = time.monotonic()
    while not plan.exists() and stream.job.poll() is None and time.monotonic() - started < 30:
        time.sleep(0.001)


def num_published(target: Path) -> int:
    """Count the batches that are published."""
    return len(list(target.glob("batches/*/[0-9]*.json")))


def num_inputs(target: Path) -> int:
    """Count the records that are published."""
    return sum(json.loads(path.read_bytes())["inputs"] for path in target.glob("batches/*/[0-9]*.json"))


def count_keys(target: Path, num_records: int) -> dict[str, dict[str, int]]:
    """Return, for each reader of the predictions as a folder, how many rows, distinct, twice and lost there are."""
    readers = {"pyarrow": _by_pyarrow, "pandas": _by_pandas, "petastorm": _by_petastorm, "spark": _by_spark}
    counts = {}
    for name, read in readers.items():
        keys = Counter(read(str(target / "predictions")))
        distinct = len(keys.keys() & {str(number) for number in range(num_records)})
        rows = sum(keys.values())
        counts[name] = {"rows": rows, "distinct": distinct, "twice": rows - len(keys), "lost": num_records - distinct}
    return counts


def _by_pyarrow(folder: str) -> list[str]:
    keys: list[str] = pq.read_table(folder, columns=["key"])["key"].to_pylist()
    return keys


def _by_pandas(folder: str) -> list[str]:
    import pandas

    return list(pandas.read_parquet(folder, columns=["key"])["key"])


def _by_petastorm(folder: str) -> list[str]:
    from petastorm import make_batch_reader

    with make_batch_reader(f"file://{folder}", schema_fields=["key"], num_epochs=1, reader_pool_type="dummy") as reader:
        return [key for batch in reader for key in batch.key]


def _by_spark(folder: str) -> list[str]:
    spark = open_session("count")  # it ends with this process; a test may have it open already
    return [row["key"] for row in spark.read.parquet(f"file://{folder}").select("key").collect()]


def run(
    photos: list[bytes], num_records: int, num_kills: int, words: list[str], target: Path, seed: int
) -> dict[str, Any]:
    """Fill a topic, disturb the stream that scores it, and count what readers see."""
    chance = random.Random(seed)
    topic = Topic(photos)
    topic.add(num_records)
    words = [f"source={topic.uri}", f"target={target}", "trigger=1 second", *words]
    target.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    stream = Stream(words, target / "_stream.log")
    try:
        killed = disturb(stream, target, topic, islice(cycle(VICTIMS), num_kills), chance)
        stream.end()
    finally:
        if stream.job.poll() is None:
            os.killpg(stream.job.pid, signal.SIGKILL)
    seconds = round(time.monotonic() - started, 1)
    readers = count_keys(target, topic.num_records)
    return {
        "records": topic.num_records,
        "killed": killed,
        "starts": stream.num_starts,
        "seconds": seconds,
        "readers": readers,
    }


def main(words: list[str]) -> int:
    """Run as a user asked for it; return 1 if a record is lost or there twice."""
    settings = dict(word.split("=", 1) for word in words)
    files = sorted(
        path for path in Path(settings["photos"]).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    cluster = ["--master", "local-cluster[2,1,1024]", "--conf", "spark.executor.memory=1g"]
    result = run(
        [path.read_bytes() for path in files],
        int(settings.get("records", "20000")),
        int(settings.get("kills", "12")),
        [f"model={settings['model']}", "max_offsets_per_trigger=500", *cluster],
        Path(settings["target"]).resolve(),
        int(settings.get("seed", "0")),
    )
    print(json.dumps(result))
    return int(any(reader["twice"] or reader["lost"] for reader in result["readers"].values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
