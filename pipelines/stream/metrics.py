"""What Prometheus can ask of a running stream, at http://METRICS_HOST:METRICS_PORT/metrics."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from pipelines.errors import ConfigError
from pipelines.stream.batch import Record
from pipelines.stream.config import ScoreStreamConfig

BATCH_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class StreamMetrics(StreamingQueryListener):
    """Counts published batches, which are counted once each, and what Spark says of the query.

    The counters begin at 0 with the process, as Prometheus expects.
    """

    def __init__(self) -> None:
        """Make all metrics, so that they are there before the first batch."""
        self.registry = CollectorRegistry()

        def named(kind: Any, name: str, meaning: str, labels: tuple[str, ...] = (), **options: Any) -> Any:
            return kind(f"darkroom_stream_{name}", meaning, labels, registry=self.registry, **options)

        self._inputs = named(Counter, "inputs", "photos taken in")
        self._predictions = named(Counter, "predictions", "photos scored")
        self._rejects = named(Counter, "rejects", "photos rejected", ("reason",))
        self._batch_seconds = named(Histogram, "batch_seconds", "time to score a batch", buckets=BATCH_SECONDS)
        self._published_at = named(Gauge, "last_batch_timestamp_seconds", "when the last batch was published")
        self._lag_seconds = named(
            Gauge,
            "lag_seconds",
            "time from the newest photo of the last batch (its change, or its record in Kafka) to its prediction",
        )
        self._lag_records = named(Gauge, "lag_records", "records in Kafka that are not scored yet")
        self._model = named(Gauge, "model_info", "1 for the model that scored the last batch", ("model_id", "engine"))
        self._refused = named(Gauge, "model_refused", "1 while the promoted model is refused and an older one goes on")
        self._running = named(Gauge, "running", "1 while Spark's query runs")
        self._failures = named(Counter, "failures", "times that Spark's query has failed and was started again")
        self._trigger_seconds = named(Gauge, "trigger_seconds", "duration of Spark's last trigger, planning included")

    def note(self, record: Record) -> None:
        """Count a batch that has been published."""
        self._inputs.inc(record["inputs"])
        self._predictions.inc(record["predicted"])
        for reason, number in record["reasons"].items():
            self._rejects.labels(reason).inc(number)
        self._batch_seconds.observe(record["seconds"])
        self._published_at.set_to_current_time()
        if record["last_timestamp"]:
            self._lag_seconds.set(max(time.time() - datetime.fromisoformat(record["last_timestamp"]).timestamp(), 0.0))
        self._model.clear()
        self._model.labels(record["model_id"], record["engine"]).set(1)
        self._refused.set(bool(record["refused_model"]))

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: ARG002
        """Spark has started the query."""
        self._running.set(1)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        """Spark has ended a trigger."""
        self._trigger_seconds.set(event.progress.batchDuration / 1000)
        sources = event.progress.sources
        self._lag_records.set(sum(records_behind(source.latestOffset, source.endOffset) for source in sources))

    def onQueryIdle(self, event: QueryIdleEvent) -> None:
        """There was nothing to do."""

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:
        """The query has ended, or failed."""
        self._running.set(0)
        if event.exception:
            self._failures.inc()


def records_behind(latest_offset: str | None, end_offset: str | None) -> int:
    """Return how many records lie between two of Spark's offsets of Kafka, {"topic": {"partition": number}} in JSON.

    0 where a source tells no offsets of this form: a folder's listings do not say how many photos they hold.
    """
    latest, end = (json.loads(text) if text and text.startswith("{") else {} for text in (latest_offset, end_offset))
    return sum(
        number - end.get(topic, {}).get(partition, 0)
        for topic, partitions in latest.items()
        if isinstance(partitions, dict)
        for partition, number in partitions.items()
    )


@contextlib.contextmanager
def watched(spark: SparkSession, config: ScoreStreamConfig) -> Iterator[StreamMetrics | None]:
    """Serve the metrics until the block ends; None with metrics_port=0.

    Raises:
        ConfigError: the port is taken, or the host is not this machine's.
    """
    if not config.metrics_port:
        yield None
        return
    metrics = StreamMetrics()
    try:
        server, thread = start_http_server(config.metrics_port, config.metrics_host, metrics.registry)
    except OSError as error:
        place = f"metrics_host={config.metrics_host} metrics_port={config.metrics_port}"
        raise ConfigError(f"{place}: cannot listen there: {error}; choose another, or 0 for none") from error
    spark.streams.addListener(metrics)
    try:
        yield metrics
    finally:
        spark.streams.removeListener(metrics)
        server.shutdown()
        server.server_close()
        thread.join()
