"""Settings of `score_stream`."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipelines import storage
from pipelines.config import JobConfig, OptionalUri, Uri
from pipelines.errors import ConfigError
from pipelines.stream.kafka import SCHEME, parse_topics

_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


def _source(uri: str) -> str:
    try:
        return str(parse_topics(uri)) if uri.startswith(SCHEME) else storage.absolute(uri)
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _topic(uri: str) -> str:
    try:
        return uri and str(parse_topics(uri, most=1))
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _trigger(text: str) -> str:
    if text != "available_now" and not re.fullmatch(r"\d+ (second|minute|hour)s?", text):
        raise ValueError('use available_now, or an interval such as "5 seconds" or "1 minute"')
    return text


Source = Annotated[str, AfterValidator(_source)]
Topic = Annotated[str, AfterValidator(_topic)]
Trigger = Annotated[str, AfterValidator(_trigger)]


class ScoreStreamConfig(JobConfig):
    """One stream; the same settings go on where the last run ended."""

    source: Source = Field(description="a folder that fills, or kafka://HOST:PORT[,HOST:PORT]/TOPIC[,TOPIC]")
    model: Uri = Field(description="a model bundle, or its name: models/photos@production follows promote and rollback")
    target: Uri = Field(description="folder for predictions, rejects and batches, each partitioned by date")
    checkpoint: OptionalUri = Field("", description="folder for what is done already; empty for TARGET/_checkpoint")
    trigger: Trigger = Field("5 seconds", description="available_now scores what is there and ends; or an interval")
    value: Literal["image", "uri"] = Field(
        "image", description="what Kafka's records hold: a photo's bytes, or its URI"
    )
    uri_root: OptionalUri = Field("", description="with value=uri: photos must lie below this URI; relative ones do")
    sink: Literal["parquet", "kafka", "both"] = Field("parquet", description="where predictions go")
    predictions_topic: Topic = Field(
        "", description="kafka://HOST:PORT/TOPIC for predictions, as JSON keyed by image id"
    )
    dead_letter_topic: Topic = Field("", description="kafka://HOST:PORT/TOPIC for rejects, besides their table")
    max_files_per_trigger: int = Field(1000, ge=1, description="photos of a folder in one batch")
    max_offsets_per_trigger: int = Field(1000, ge=1, description="records of Kafka in one batch")
    settle_seconds: float = Field(2.0, ge=0, description="a file is read once it has not changed for so long")
    starting_offsets: Literal["earliest", "latest"] = Field(
        "earliest", description="where a new stream begins in Kafka"
    )
    fail_on_data_loss: bool = Field(True, description="stop when Kafka has dropped records that were not scored yet")
    max_restarts: int = Field(20, ge=0, description="restarts in a row without a finished batch before giving up")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="serve Prometheus' metrics on this port, at /metrics; 0: no"
    )
    metrics_host: str = Field("127.0.0.1", description="address to serve them on; 0.0.0.0 for all networks")
    engine: Literal["auto", "torch", "openvino"] = Field("auto", description="as in score")
    top_k: int = Field(5, ge=1, description="classes listed for each photo, most likely first")
    batch_size: int = Field(16, ge=1, description="images in one forward pass")
    num_threads: int = Field(1, ge=1, description="threads of a task for the forward pass")
    trust_code: bool = Field(False, description="run the code of its own that a bundle may bring")

    @model_validator(mode="after")
    def _belongs_together(self) -> "ScoreStreamConfig":
        if self.sink != "parquet" and not self.predictions_topic:
            raise ValueError(f"sink={self.sink} needs predictions_topic=kafka://HOST:PORT/TOPIC")
        if self.sink == "parquet" and self.predictions_topic:
            raise ValueError("predictions_topic is given, but sink=parquet; use sink=kafka or sink=both")
        if self.value == "uri" and not (self.reads_kafka and self.uri_root):
            raise ValueError("value=uri needs a source=kafka://… and uri_root, the URI below which its photos lie")
        return self

    @property
    def reads_kafka(self) -> bool:
        """Say whether the source is Kafka, and not a folder."""
        return self.source.startswith(SCHEME)

    @property
    def once(self) -> bool:
        """Say whether the stream ends when it has scored what was there."""
        return self.trigger == "available_now"

    def checkpoint_uri(self) -> str:
        """Return the folder of the checkpoint."""
        return self.checkpoint or storage.join(self.target, "_checkpoint")

    def trigger_seconds(self) -> float:
        """Return the interval between batches, 0 for available_now."""
        number, _, unit = self.trigger.partition(" ")
        return 0.0 if self.once else float(number) * _UNITS[unit.rstrip("s")]
