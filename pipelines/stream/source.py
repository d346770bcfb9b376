"""Where a stream's photos come from: Kafka's records, or the listings of a folder that fills."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.stream.batch import last_records
from pipelines.stream.config import ScoreStreamConfig
from pipelines.stream.folder import FILE_COLUMNS, KEPT_LISTINGS, Lister, read_listings
from pipelines.stream.kafka import RECORD_COLUMNS, parse_topics, photos_of, read_records

SLOWEST_LISTING_SECONDS = 1.0


class Source(NamedTuple):
    """A stream of photos as `score_images` takes them, with the `date` (UTC) on which their batch was planned.

    `keep` names the columns that say where a photo came from; `listeners` are to be told of each published batch.
    """

    photos: DataFrame
    keep: tuple[str, ...]
    listeners: tuple[Callable[[dict[str, Any]], None], ...] = ()
    num_waiting: int = 0


@contextlib.contextmanager
def open_source(spark: SparkSession, config: ScoreStreamConfig, security: Mapping[str, str]) -> Iterator[Source]:
    """Give the source of a stream; a folder is listed in the background until the block ends."""
    date = F.to_date(F.current_timestamp())  # Spark keeps it in the checkpoint: a repeated batch has the same
    if config.reads_kafka:
        photos = photos_of(_records(spark, config, security), value=config.value, uri_root=config.uri_root)
        yield Source(photos.withColumn("date", date), RECORD_COLUMNS)
        return
    lister = Lister(
        config.source,
        storage.join(config.checkpoint_uri(), "listings"),
        settle_seconds=config.settle_seconds,
        max_files=config.max_files_per_trigger,
        scored=[record["listing"] for record in last_records(config.target, 3 * KEPT_LISTINGS)],
    )
    num_waiting = lister.list_all() if config.once else lister.list_new()
    every = max(config.trigger_seconds(), SLOWEST_LISTING_SECONDS)
    ended = threading.Event()
    thread = threading.Thread(target=lister.keep_listing, args=(every, ended), daemon=True)
    if not config.once:
        thread.start()
    try:
        photos = read_listings(spark, lister.listings).withColumn("date", date)
        yield Source(photos, FILE_COLUMNS, (lister.note,), num_waiting)
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()


def _records(spark: SparkSession, config: ScoreStreamConfig, security: Mapping[str, str]) -> DataFrame:
    return read_records(
        spark,
        parse_topics(config.source),
        security=security,
        max_offsets=config.max_offsets_per_trigger,
        starting_offsets=config.starting_offsets,
        fail_on_data_loss=config.fail_on_data_loss,
    )
