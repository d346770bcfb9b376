"""Kafka as source and sink: topics, the security of its clients, records to rows and back."""

from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.errors import ConfigError

SCHEME = "kafka://"
RECORD_COLUMNS = ("key", "topic", "partition", "offset", "timestamp")
MAX_RECORD_BYTES = 64 * 2**20  # what clients take; the broker's own limit is usually far below
FETCH_WAIT_MS = 20  # a batch asks for its first and last offset behind the fetch that waits for what is not there yet


class Topics(NamedTuple):
    """Topics on one Kafka cluster, written kafka://HOST:PORT[,HOST:PORT]/TOPIC[,TOPIC]."""

    servers: str
    names: str

    def __str__(self) -> str:
        """Write them as a URI."""
        return f"{SCHEME}{self.servers}/{self.names}"


def parse_topics(uri: str, most: int = 0) -> Topics:
    """Read kafka://HOST:PORT[,HOST:PORT]/TOPIC[,TOPIC]; `most` limits the number of topics.

    Raises:
        ConfigError: it is not written so.
    """
    servers, _, names = uri.removeprefix(SCHEME).partition("/")
    hosts, topics = servers.split(","), names.split(",")
    written = uri.startswith(SCHEME) and all(
        host.rpartition(":")[0] and host.rpartition(":")[2].isdigit() for host in hosts
    )
    if not written or "" in topics or "/" in names or (most and len(topics) > most):
        form = "kafka://HOST:PORT[,HOST:PORT]/TOPIC" + ("[,TOPIC]" if most != 1 else "")
        raise ConfigError(f"cannot use {uri!r} as a topic of Kafka; write it as {form}")
    return Topics(servers, names)


def security_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the clients' options for a secured Kafka from KAFKA_* variables; secrets are settings nowhere.

    Raises:
        ConfigError: KAFKA_USERNAME without KAFKA_PASSWORD, or the other way round.
    """
    user, password = environment.get("KAFKA_USERNAME", ""), environment.get("KAFKA_PASSWORD", "")
    if bool(user) != bool(password):
        raise ConfigError("KAFKA_USERNAME and KAFKA_PASSWORD belong together; set both in the environment, or neither")
    options = {}
    if user:
        mechanism = environment.get("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
        module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
        quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (user, password)]
        login = 'org.apache.kafka.common.security.{} required username="{}" password="{}";'
        options["kafka.sasl.mechanism"] = mechanism
        options["kafka.sasl.jaas.config"] = login.format(module, *quoted)
    if protocol := environment.get("KAFKA_SECURITY_PROTOCOL", "SASL_SSL" if user else ""):
        options["kafka.security.protocol"] = protocol
    if authorities := environment.get("KAFKA_SSL_CA_FILE", ""):
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": authorities}
    return options


def read_records(
    spark: SparkSession,
    topics: Topics,
    *,
    security: Mapping[str, str],
    max_offsets: int,
    starting_offsets: str,
    fail_on_data_loss: bool,
) -> DataFrame:
    """Return the stream of a topic's records; each batch is split over all task slots."""
    options = {
        **security,
        "kafka.bootstrap.servers": topics.servers,
        "subscribe": topics.names,
        "startingOffsets": starting_offsets,
        "failOnDataLoss": str(fail_on_data_loss).lower(),
        "maxOffsetsPerTrigger": str(max_offsets),
        "minPartitions": str(spark.sparkContext.defaultParallelism),
        "kafka.max.partition.fetch.bytes": str(MAX_RECORD_BYTES),
        "kafka.fetch.max.wait.ms": str(FETCH_WAIT_MS),
    }
    return spark.readStream.format("kafka").options(**options).load()


def photos_of(records: DataFrame, *, value: str, uri_root: str) -> DataFrame:
    """Return one row a record, as `score_images` takes it, with RECORD_COLUMNS.

    A photo that comes as bytes is called kafka://TOPIC/PARTITION/OFFSET. A record that names none, or one outside of
    `uri_root`, is a reject.
    """
    origin = [F.decode("key", "UTF-8").alias("key"), *map(F.col, RECORD_COLUMNS[1:])]
    if value == "image":
        uri = F.concat_ws("/", F.lit("kafka:/"), "topic", "partition", "offset").alias("uri")
        return records.select(uri, F.coalesce("value", F.lit(b"")).alias("image"), *origin)
    uri, reason = _named_photo(F.trim(F.decode("value", "UTF-8")), uri_root)
    message = F.concat(F.lit(f"not a photo below uri_root={uri_root}: "), F.decode("value", "UTF-8").substr(1, 200))
    size = F.lit(None).cast("long").alias("size_bytes")
    return records.select(
        uri.alias("uri"), size, reason.alias("reason"), F.coalesce(message, F.lit("no value")).alias("message"), *origin
    )


def _named_photo(text: Column, root: str) -> tuple[Column, Column]:
    """Return the photo's URI that a record's text names, plain or as the field `uri` of JSON, and why it is no good."""
    named = F.when(text.startswith("{"), F.get_json_object(text, "$.uri")).otherwise(text)
    scheme, _, rest = root.partition("://")
    server = f"{scheme}://{rest.partition('/')[0]}"
    uri = (
        F.when(named.contains("://"), F.regexp_replace(named, "^s3://", "s3a://"))
        .when(named.startswith("/"), F.concat(F.lit(server), named))
        .otherwise(F.concat(F.lit(f"{root.rstrip('/')}/"), named))
    )
    inside = uri.startswith(f"{root.rstrip('/')}/") & ~uri.rlike(r"/\.\.(/|$)")
    reason = F.when(F.coalesce(named, F.lit("")) == "", "no_uri").when(~inside, "outside_root")
    return F.coalesce(uri, F.lit("")), reason


def write_records(rows: DataFrame, topic: Topics, security: Mapping[str, str], *, key: str) -> None:
    """Write every row as one record: JSON, with the column `key` as its key. At least once, acknowledged by all."""
    values = rows.select(F.col(key).cast("string").alias("key"), F.to_json(F.struct(*rows.columns)).alias("value"))
    options = {
        **security,
        "kafka.bootstrap.servers": topic.servers,
        "topic": topic.names,
        "kafka.max.request.size": str(MAX_RECORD_BYTES),
    }
    values.write.format("kafka").options(**options).save()
