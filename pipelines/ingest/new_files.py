"""Decide before Spark starts whether a source has anything that the dataset does not know."""

import logging
from typing import Any

import pyarrow.parquet as pq

from pipelines import storage
from pipelines.dataset import FileCounts, load_manifest, manifest_uri
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.run import files_uri, summarise
from pipelines.ingest.sources import MAX_FILES, walk
from pipelines.publish import staging_uri


def nothing_new(config: IngestConfig) -> dict[str, Any] | None:
    """Return the run's summary where the dataset has all files of the source folder, else None.

    The walk ends at the first new file. Tables, large sources and what a killed run has left are Spark's.
    """
    if not storage.exists(manifest_uri(config.target)) or storage.exists(staging_uri(config.target)):
        return None
    manifest = load_manifest(config.target)
    if manifest.files.read > MAX_FILES or not storage.is_dir(config.source):
        return None
    known = _known_files(config.target)
    num_skipped = 0
    for number, file in enumerate(walk(config.source)):
        if file["skipped"]:
            num_skipped += 1
        elif (file["uri"], file["size_bytes"], file["modified_at"]) not in known:
            return None
        if number == MAX_FILES:
            return None
    logging.getLogger(__name__).info("nothing new: %s has every photo of %s", config.target, config.source)
    return summarise(config, manifest, FileCounts(read=0, accepted=0, duplicates=0, rejected=0, skipped=num_skipped))


def _known_files(target: str) -> set[tuple[str, int, float]]:
    """Read uri, size and time of change of every file that an earlier run has looked at."""
    with storage.filesystem(files_uri(target)) as (fs, path):
        columns = pq.read_table(path, columns=["uri", "size_bytes", "modified_at"], filesystem=fs).to_pydict()
    return set(zip(*columns.values(), strict=True))
