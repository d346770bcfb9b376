"""Score a stream: keep a Structured Streaming query running, whatever dies around it."""

import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from py4j.protocol import Py4JNetworkError
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from pipelines import storage
from pipelines.errors import ConfigError, DarkroomError, DataError, StorageError
from pipelines.model.bundle import load_bundle
from pipelines.publish import staged
from pipelines.spark_errors import explain
from pipelines.stream.batch import Batches, Listener
from pipelines.stream.config import ScoreStreamConfig
from pipelines.stream.kafka import SCHEME, parse_topics
from pipelines.stream.metrics import watched
from pipelines.stream.model import CurrentModel
from pipelines.stream.pair import pair
from pipelines.stream.source import open_source

POLL_SECONDS = 0.5
CONNECT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 60.0
# How Spark's checkpoint is written, where not by its default. On a disk that took some 80 ms
# a batch longer. S3 has no rename: uploads there appear whole or not at all.
CHECKPOINT_MANAGERS = {
    "file": "org.apache.spark.sql.execution.streaming.FileSystemBasedCheckpointFileManager",
    "s3a": "org.apache.spark.internal.io.cloud.AbortableStreamBasedCheckpointFileManager",
}
# Spark compiles each query's code, for a batch of some hundred rows in vain: p50 from record to prediction was 1.09 s
# with it and 0.95 s without, at 99 records a second on two cores.
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}


def check(config: ScoreStreamConfig) -> None:
    """Look at source, model and topics before Spark starts.

    Raises:
        ConfigError: the folder or the model does not exist.
        StorageError: no server of Kafka answers.
    """
    if not config.reads_kafka and not storage.is_dir(config.source):
        raise ConfigError(f"source={config.source} is no folder; make it, or use kafka://HOST:PORT/TOPIC")
    load_bundle(config.model, config.trust_code)
    for key in ("source", "predictions_topic", "dead_letter_topic"):
        if (uri := getattr(config, key)).startswith(SCHEME):
            _reach(key, uri)


def _reach(key: str, uri: str) -> None:
    problems = []
    for server in parse_topics(uri).servers.split(","):
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
            return
        except OSError as error:
            problems.append(f"{server}: {error}")
    raise StorageError(
        f"{key}={uri}: no server of Kafka answers ({'; '.join(problems)}); look at addresses and servers"
    )


def score_stream(
    spark: SparkSession,
    config: ScoreStreamConfig,
    *,
    stop: threading.Event,
    security: Mapping[str, str],
    listeners: Sequence[Listener] = (),
) -> dict[str, Any]:
    """Score what comes until `stop` is set, or, with trigger=available_now, what is there; return the counts.

    `security` holds the options of Kafka's clients; `listeners` are called with the record of each published batch.
    """
    checkpoint = config.checkpoint_uri()
    if manager := CHECKPOINT_MANAGERS.get(checkpoint.partition("://")[0]):
        spark.conf.set("spark.sql.streaming.checkpointFileManagerClass", manager)
    for name, value in INTERPRETED.items():
        spark.conf.set(name, value)
    with staged(config.target) as staging:
        pair(config.target, checkpoint)
        model = CurrentModel(config)
        with open_source(spark, config, security) as source, watched(spark, config) as metrics:
            heard = (*source.listeners, *listeners, *([metrics.note] if metrics else []))
            batches = Batches(config, staging, model, keep=source.keep, security=security, listeners=heard)
            try:
                _keep_running(lambda: _start(source.photos, config, batches), config, batches, stop)
            finally:
                batches.close()
    return {
        **batches.totals,
        **({"nothing_new": not batches.totals["batches"]} if config.once else {}),
        **({"still_being_written": source.num_waiting} if source.num_waiting else {}),
        "model_id": model.model_id,
        "engine": model.choice.name,
        "target": config.target,
        "checkpoint": checkpoint,
    }


def _start(photos: DataFrame, config: ScoreStreamConfig, batches: Batches) -> StreamingQuery:
    batches.recover()
    writer = photos.writeStream.queryName("score_stream").foreachBatch(batches)
    writer = writer.option("checkpointLocation", config.checkpoint_uri())
    if config.once:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=config.trigger).start()


def _keep_running(
    start: Callable[[], StreamingQuery], config: ScoreStreamConfig, batches: Batches, stop: threading.Event
) -> None:
    """Start the query, again where it failed; a failure that would come again ends the stream."""
    failures = 0
    while not stop.is_set():
        published = batches.published
        try:
            _await(start(), batches, stop)
            return
        except (Py4JNetworkError, ConnectionError) as error:
            raise DarkroomError(
                "Spark's driver process has died; was it out of memory (spark.driver.memory)? The same command goes on "
                "where it ended, no photo is lost or scored twice"
            ) from error
        except StreamingQueryException as error:
            problem = _explain(error, batches, config)
            failures = 1 if batches.published > published else failures + 1
            if failures > config.max_restarts or isinstance(problem, ConfigError | DataError):
                raise problem from error
            seconds = min(2.0 ** (failures - 1), LONGEST_WAIT_SECONDS)
            message = "the stream failed %d times in a row (max_restarts=%d), going on in %.0f s: %s"
            logging.getLogger(__name__).warning(message, failures, config.max_restarts, seconds, problem)
            stop.wait(seconds)


def _await(query: StreamingQuery, batches: Batches, stop: threading.Event) -> None:
    """Wait until the query ends by itself, or stop it between two batches."""
    while not query.awaitTermination(POLL_SECONDS):  # type: ignore[arg-type]
        if stop.is_set() and not batches.running:
            query.stop()
            return


def _explain(error: StreamingQueryException, batches: Batches, config: ScoreStreamConfig) -> DarkroomError:
    """Return what made a query fail as an error of ours; its class says whether it is worth another try."""
    cause = batches.error
    if isinstance(cause, DarkroomError):
        return cause
    text = f"{error}\n{cause}"
    if "failOnDataLoss" in text:
        return DataError(
            f"source={config.source}: Kafka no longer has records that were not scored yet (retention, or a topic that "
            "was deleted); set fail_on_data_loss=false to go on without them"
        )
    if "SaslAuthenticationException" in text or "AuthorizationException" in text:
        return ConfigError(
            f"source={config.source}: Kafka refuses this user; look at KAFKA_USERNAME, KAFKA_PASSWORD, "
            "KAFKA_SASL_MECHANISM and KAFKA_SECURITY_PROTOCOL in the environment, and at the topic's permissions"
        )
    if "UnknownTopicOrPartition" in text and batches.published < 0:  # later it is a server that has just come back
        return ConfigError(f"a topic of source={config.source} does not exist, or this user may not see it")
    if explained := explain(cause or error, config):
        return explained
    return DarkroomError(next(filter(None, f"{cause or error}".splitlines()), type(error).__name__)[:500])
