"""Score one micro-batch and publish it whole: exactly once, for every reader of the target's folders.

A batch is written to TARGET/_staging, parted, counted, and moved to `predictions/date=D/batch_id=N`,
`rejects/date=D/batch_id=N` and `batches/date=D/N.json`. Once the list of these moves is written the batch is decided:
whoever comes after a kill completes the moves and does not score it again. Until then nothing of it is to be seen, and
it is scored anew.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame

from pipelines import storage
from pipelines.errors import DarkroomError
from pipelines.publish import move_staged, recover
from pipelines.score.predict import score_images
from pipelines.score.run import PREDICTION_COLUMNS
from pipelines.stream.config import ScoreStreamConfig
from pipelines.stream.kafka import parse_topics, write_records
from pipelines.stream.model import CurrentModel
from pipelines.stream.share import REJECT_COLUMNS, gather, score_shares

Record = dict[str, Any]
Listener = Callable[[Record], None]


class Batches:
    """What is done with each batch, in order; `listeners` are called with the record of every one."""

    def __init__(
        self,
        config: ScoreStreamConfig,
        staging: str,
        model: CurrentModel,
        *,
        keep: tuple[str, ...],
        security: Mapping[str, str],
        listeners: Sequence[Listener],
    ) -> None:
        """Look up which batch was published last."""
        self._config, self._staging, self._model = config, staging, model
        self._keep, self._security, self._listeners = keep, security, listeners
        self.published = last_published(config.target)
        self.totals = {"batches": 0, "inputs": 0, "predicted": 0, "rejected": 0}
        self.error: Exception | None = None
        self._busy, self._closed = threading.Lock(), False

    @property
    def running(self) -> bool:
        """Say whether a batch is being scored."""
        return self._busy.locked()

    def recover(self) -> None:
        """Complete or forget what a failed query left behind, before another one starts."""
        with self._busy:
            recover(self._config.target)
            self.published, self.error = last_published(self._config.target), None

    def close(self) -> None:
        """Let the batch at hand end, and no other begin: this thread may outlive Spark's."""
        with self._busy:
            self._closed = True

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        """Score and publish a batch, unless it is published already."""
        with self._busy:
            if batch_id <= self.published or self._closed:
                return
            try:
                if record := self._score(rows, batch_id):
                    self._tell(record)
            except Exception as error:
                self.error = error
                raise

    def _tell(self, record: Record) -> None:
        self.published = record["batch_id"]
        self.totals["batches"] += 1
        for key in ("inputs", "predicted", "rejected"):
            self.totals[key] += record[key]
        logging.getLogger(__name__).info(
            "batch %d: %d inputs, %d predicted, %d rejected, %.1f s",
            *(record[key] for key in ("batch_id", "inputs", "predicted", "rejected", "seconds")),
        )
        for listener in self._listeners:
            listener(record)

    def _score(self, rows: DataFrame, batch_id: int) -> Record | None:
        """Return the record of a batch that is published by now, None for one without rows."""
        started = time.monotonic()
        self._model.refresh()
        shares = score_shares(rows, self._model.use, self._keep, storage.join(self._staging, "_scored"))
        if not shares:  # Kafka's own marks take offsets too, without being records
            return None
        counts = gather(shares, self._staging)
        if counts["predicted"] + counts["rejected"] != counts["inputs"]:
            raise DarkroomError(f"batch {batch_id}: inputs are lost, {counts}; nothing of it is published")
        self._send(rows, counts)
        record = {
            "batch_id": batch_id,
            **counts,
            "model_id": self._model.model_id,
            "model": self._model.use.uri,
            "refused_model": self._model.refused,
            "engine": self._model.choice.name,
            "precision": self._model.choice.precision,
            "seconds": round(time.monotonic() - started, 3),
        }
        self._publish(record)
        return record

    def _send(self, rows: DataFrame, counts: dict[str, Any]) -> None:
        """Send what is staged to topics of Kafka, where that is asked for."""
        config, read = self._config, rows.sparkSession.read
        scored = score_images(rows, self._model.use, self._keep)  # for its schema alone
        if config.sink != "parquet" and counts["predicted"]:
            schema = scored.select(*PREDICTION_COLUMNS, *self._keep).schema
            predictions = read.schema(schema).parquet(storage.join(self._staging, "predictions"))
            write_records(predictions, parse_topics(config.predictions_topic), self._security, key="image_id")
        if config.dead_letter_topic and counts["rejected"]:
            schema = scored.select(*REJECT_COLUMNS, *self._keep).drop("bytes").schema
            rejects = read.schema(schema).parquet(storage.join(self._staging, "rejects"))
            write_records(rejects, parse_topics(config.dead_letter_topic), self._security, key="key")

    def _publish(self, record: Record) -> None:
        name = f"date={record['date']}/batch_id={record['batch_id']}"
        storage.write_json(storage.join(self._staging, "batch.json"), record)
        moves = [("batch.json", f"batches/date={record['date']}/{record['batch_id']}.json")]
        if record["rejected"]:
            moves.insert(0, ("rejects", f"rejects/{name}"))
        if record["predicted"] and self._config.sink != "kafka":
            moves.insert(0, ("predictions", f"predictions/{name}"))
        move_staged(self._config.target, moves)


def last_records(target: str, number: int) -> list[Record]:
    """Return the records of the batches that were published last, in order."""
    batches = storage.join(target, "batches")
    found = {
        int(name.removesuffix(".json")): storage.join(batches, day, name)
        for day in storage.names(batches)
        for name in storage.names(storage.join(batches, day))
        if name.endswith(".json") and not name.startswith("_")
    }
    return [storage.read_json(found[batch_id]) for batch_id in sorted(found)[-number:]]


def last_published(target: str) -> int:
    """Return the number of the last batch that is published, -1 if there is none."""
    return max((int(record["batch_id"]) for record in last_records(target, 1)), default=-1)
