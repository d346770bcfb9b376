"""A folder that fills, as a source of batches: files that have settled are listed, and a listing is a batch.

The lister writes CHECKPOINT/listings/NUMBER.json, one line a photo, and Spark's stream reads one listing a batch.
A file is known by its URI, size and time of change: one that is written anew is a new input.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.errors import DarkroomError
from pipelines.images.policy import has_extension
from pipelines.storage import Entry

LISTING_SCHEMA = "listing long, uri string, size_bytes long, modified_at double"
FILE_COLUMNS = ("timestamp",)
KEPT_LISTINGS = 20  # Spark may read the last ones again; the files of older ones are in the table of known files
REMEMBERED_DAYS = 7  # a file that is away, with its disk perhaps, is known for so long
_KNOWN = "_known.txt"  # Spark passes over the underscore
_DAY_SECONDS = 86400.0


def read_listings(spark: SparkSession, listings: str) -> DataFrame:
    """Return the stream of listed files, one listing a batch, spread over all task slots."""
    stream = spark.readStream.schema(LISTING_SCHEMA).option("maxFilesPerTrigger", 1).json(listings)
    timed = stream.withColumn("timestamp", F.col("modified_at").cast("timestamp"))
    return timed.repartition(spark.sparkContext.defaultParallelism)


class Lister:
    """Find new files in a folder and write them down as listings."""

    def __init__(
        self, source: str, listings: str, *, settle_seconds: float, max_files: int, scored: Iterable[int] = ()
    ) -> None:
        """Read which files are listed already; `scored` are the listings whose batches were published last."""
        self._source, self.listings = source, listings
        self._settle_seconds, self._max_files = settle_seconds, max_files
        self._settles = not source.startswith("s3a://")  # objects appear whole
        self._waiting: dict[bytes, float] = {}
        self._known = self._read_known()
        numbers = self._read_listings()
        self._next = max(numbers, default=-1) + 1
        self._scored = [number for number in scored if number in numbers]  # and not deleted yet

    def list_new(self) -> int:
        """Write the new files that have settled as listings; return how many others are still being written."""
        today, waiting, new = int(time.time() / _DAY_SECONDS), dict[bytes, float](), list[Entry]()
        for entry in _photos(self._source):
            identity = _identity(entry)
            if identity in self._known:
                self._known[identity] = today
            elif self._has_settled(entry, since := self._waiting.get(identity, time.monotonic())):
                new.append(entry)
            else:
                waiting[identity] = since
        self._waiting = waiting
        new.sort(key=lambda entry: (entry.modified_at, entry.uri))
        for first in range(0, len(new), self._max_files):
            self._write(new[first : first + self._max_files], today)
        if len(self._scored) > 2 * KEPT_LISTINGS:
            self._forget(today)
        return len(waiting)

    def list_all(self) -> int:
        """List what is there now, and give files that are just being written one chance to settle."""
        if self.list_new():
            time.sleep(self._settle_seconds)
        return self.list_new()

    def keep_listing(self, every_seconds: float, stop: threading.Event) -> None:
        """List until told to stop; a storage that does not answer is asked again."""
        while not stop.wait(every_seconds):
            try:
                self.list_new()
            except (DarkroomError, OSError) as error:
                logging.getLogger(__name__).warning("cannot list %s, trying again: %s", self._source, error)

    def note(self, record: dict[str, Any]) -> None:
        """Take note of a published batch: its listing is done with."""
        self._scored.append(record["listing"])

    def _has_settled(self, entry: Entry, since: float) -> bool:
        """Say whether a file's last change is long ago, by its own time or by how long it was seen unchanged."""
        seconds = max(time.time() - entry.modified_at, time.monotonic() - since)
        return not self._settles or seconds >= self._settle_seconds

    def _write(self, files: list[Entry], today: int) -> None:
        number = self._next
        rows = (
            {"listing": number, "uri": file.uri, "size_bytes": file.size_bytes, "modified_at": file.modified_at}
            for file in files
        )
        content = "".join(json.dumps(row) + "\n" for row in rows)
        storage.write_bytes(storage.join(self.listings, f"{number:012d}.json"), content.encode())
        self._known |= {_identity(file): today for file in files}
        self._next += 1

    def _forget(self, today: int) -> None:
        """Write all known files into one table, then delete the listings that are in it and done with."""
        self._known = {key: day for key, day in self._known.items() if day >= today - REMEMBERED_DAYS}
        lines = "".join(f"{key.hex()} {day}\n" for key, day in self._known.items())
        storage.write_bytes(storage.join(self.listings, _KNOWN), lines.encode())
        done = self._scored[:-KEPT_LISTINGS]
        for number in done:
            storage.remove(storage.join(self.listings, f"{number:012d}.json"))
        self._scored = self._scored[len(done) :]

    def _read_known(self) -> dict[bytes, int]:
        table = storage.join(self.listings, _KNOWN)
        if not storage.exists(table):
            storage.write_bytes(table, b"")  # Spark's stream wants a folder
        lines = storage.read_bytes(table).decode().splitlines()
        return {bytes.fromhex(key): int(day) for key, _, day in (line.partition(" ") for line in lines)}

    def _read_listings(self) -> set[int]:
        """Add the files of the listings at hand to the known ones; return the listings' numbers."""
        today, numbers = int(time.time() / _DAY_SECONDS), set[int]()
        for name in storage.names(self.listings):
            if not name.startswith("_"):
                for line in storage.read_bytes(storage.join(self.listings, name)).splitlines():
                    row: dict[str, Any] = json.loads(line)
                    self._known[_identity(Entry(row["uri"], row["size_bytes"], row["modified_at"], False))] = today
                numbers.add(int(name.partition(".")[0]))
        return numbers


def _photos(folder: str) -> Iterator[Entry]:
    """Yield the files with an image's extension; names that begin with _ or . are being written, or hidden."""
    for entry in storage.scan(folder):
        name = entry.uri.rsplit("/", 1)[-1]
        if name.startswith(("_", ".")):
            continue
        if entry.is_dir:
            yield from _photos(entry.uri)
        elif has_extension(name):
            yield entry


def _identity(file: Entry) -> bytes:
    text = f"{file.uri}\n{file.size_bytes}\n{file.modified_at}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()
