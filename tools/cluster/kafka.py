"""One Kafka broker on loopback, its own controller (KRaft): a port for everybody, and one that asks for a user."""

import subprocess

from tools.cluster.jars import fetch, java
from tools.cluster.process import STATE, pid_of, start, stop, wait

HOST, PORT = "127.0.0.1", 29092
SASL_PORT = 29094
USER, PASSWORD = "tests", "only-on-loopback"  # of the second port; it is there to be tried
FOLDER = STATE / "kafka"
MAX_MESSAGE_BYTES = 10 * 2**20


def up() -> dict[str, str]:
    """Start the broker if it does not run, wait until it tells its metadata; return its address."""
    if not pid_of("kafka"):
        _format()
        start_server()
    wait("Kafka", _answers, ["kafka"])
    return addresses()


def start_server() -> None:
    """Start the broker on the storage that `up` formatted."""
    start("kafka", [*_java(512), "kafka.Kafka", str(FOLDER / "server.properties")])


def down() -> None:
    """Stop the broker; its data stay."""
    stop("kafka")


def addresses() -> dict[str, str]:
    """Return what a client needs."""
    return {"bootstrap_servers": f"{HOST}:{PORT}", "with_sasl_plain": f"{HOST}:{SASL_PORT}"}


def status() -> dict[str, str]:
    """Say whether it runs."""
    return {"kafka": "up" if pid_of("kafka") else "down"}


def _java(heap_mb: int) -> list[str]:
    command = java(fetch("kafka"), heap_mb=heap_mb)
    return [command[0], f"-Dlog4j2.configurationFile={FOLDER}/log4j2.properties", *command[1:]]


def _format() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "server.properties").write_text(_properties())
    (FOLDER / "log4j2.properties").write_text(
        "appender.c.type=Console\nappender.c.name=C\nappender.c.layout.type=PatternLayout\n"
        "appender.c.layout.pattern=%d %p %c{1} %m%n\nrootLogger.level=INFO\nrootLogger.appenderRef.c.ref=C\n"
    )
    if not (FOLDER / "data" / "meta.properties").exists():
        tool = [
            *_java(128),
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            "--cluster-id",
            "darkroom-kafka-000000A",
        ]
        subprocess.run([*tool, "--config", str(FOLDER / "server.properties")], check=True, capture_output=True)


def _properties() -> str:
    controller = f"{HOST}:{PORT + 1}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": controller,
        "listeners": f"PLAINTEXT://{HOST}:{PORT},SASL_PLAINTEXT://{HOST}:{SASL_PORT},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{PORT},SASL_PLAINTEXT://{HOST}:{SASL_PORT}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
            f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": f"{FOLDER}/data",
        "num.partitions": "2",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "message.max.bytes": str(MAX_MESSAGE_BYTES),
        "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _answers() -> bool:
    """Ask for the broker's metadata; an open port says nothing yet."""
    tool = [*_java(64), "org.apache.kafka.tools.BrokerApiVersionsCommand", "--bootstrap-server", f"{HOST}:{PORT}"]
    return subprocess.run(tool, capture_output=True, timeout=60, check=False).returncode == 0
