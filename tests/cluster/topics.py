"""Make topics of Kafka, fill and read them."""

import uuid
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

MAX_BYTES = 10 * 2**20


def create(kafka: str, name: str, *, partitions: int = 2) -> str:
    """Make a topic with a name of its own and return its URI."""
    topic = f"{name}-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.removeprefix("kafka://")})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
    return f"{kafka}/{topic}"


def fill(uri: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
    """Write (key, value) records; return when Kafka has all of them."""
    servers, _, topic = uri.removeprefix("kafka://").partition("/")
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "message.max.bytes": MAX_BYTES})
    for key, value in records:
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(300) == 0


def read(uri: str) -> list[Any]:
    """Return all messages of a topic."""
    servers, _, topic = uri.removeprefix("kafka://").partition("/")
    consumer = Consumer({"bootstrap.servers": servers, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
    found = []
    for partition in consumer.list_topics(topic, 30).topics[topic].partitions:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)
        consumer.assign([TopicPartition(topic, partition, first)])
        while first < end:
            message = consumer.poll(30)
            assert message is not None and message.error() is None, message
            found.append(message)
            first = message.offset() + 1
    consumer.close()
    return found


def forget(uri: str, *, before: int) -> None:
    """Delete the records of partition 0 before an offset, as retention does."""
    servers, _, topic = uri.removeprefix("kafka://").partition("/")
    admin = AdminClient({"bootstrap.servers": servers})
    (done,) = admin.delete_records([TopicPartition(topic, 0, before)]).values()
    done.result(30)
