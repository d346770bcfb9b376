"""Hadoop's settings: a folder for each server, and one for clients."""

from pathlib import Path
from xml.sax.saxutils import escape

HOST = "127.0.0.1"
NAME_NODE_PORT, WEB_HDFS_PORT, RESOURCE_MANAGER_WEB_PORT = 19000, 19870, 18088
NUM_NODES = 2
CAPACITY = "yarn.scheduler.capacity."


def write_conf(conf: Path, data: Path) -> None:
    """Write CONF/{client,namenode,datanode1,…}/*.xml; the servers' files will lie under `data`."""
    for name in ("client", "namenode", "resourcemanager"):
        _write(conf / name, data, {}, {})
    for number in range(1, NUM_NODES + 1):
        _write(conf / f"datanode{number}", data, _data_node(data, number), {})
        _write(conf / f"nodemanager{number}", data, {}, _node_manager(data, number))


def _write(folder: Path, data: Path, hdfs: dict[str, str], yarn: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "core-site.xml": _core(data),
        "hdfs-site.xml": {**_hdfs(data), **hdfs},
        "yarn-site.xml": {**_yarn(), **yarn},
        "capacity-scheduler.xml": _queues(),
    }
    for name, settings in files.items():
        lines = [
            f"<property><name>{key}</name><value>{escape(value)}</value></property>" for key, value in settings.items()
        ]
        (folder / name).write_text("\n".join(["<configuration>", *lines, "</configuration>\n"]))
    (folder / "log4j.properties").write_text(
        "log4j.rootLogger=INFO,console\n"
        "log4j.appender.console=org.apache.log4j.ConsoleAppender\n"
        "log4j.appender.console.target=System.err\n"
        "log4j.appender.console.layout=org.apache.log4j.PatternLayout\n"
        "log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n\n"
    )


def _core(data: Path) -> dict[str, str]:
    return {
        "fs.defaultFS": f"hdfs://{HOST}:{NAME_NODE_PORT}",
        "hadoop.tmp.dir": f"{data}/tmp",
        "ipc.client.connect.max.retries": "5",
    }


def _hdfs(data: Path) -> dict[str, str]:
    return {
        "dfs.replication": "2",
        "dfs.blocksize": str(16 * 2**20),
        "dfs.namenode.name.dir": f"file://{data}/namenode",
        "dfs.namenode.rpc-address": f"{HOST}:{NAME_NODE_PORT}",
        "dfs.namenode.http-address": f"{HOST}:{WEB_HDFS_PORT}",
        "dfs.namenode.secondary.http-address": f"{HOST}:19868",
        # All nodes are on one machine, and a dead one is to be noticed within seconds.
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.safemode.extension": "1000",
        "dfs.heartbeat.interval": "1",
        # Small pages, so that a test of listing turns one over.
        "dfs.ls.limit": "100",
        "dfs.namenode.heartbeat.recheck-interval": "5000",
        "dfs.namenode.stale.datanode.interval": "10000",
        "dfs.namenode.redundancy.interval.seconds": "2s",
        "dfs.client.use.datanode.hostname": "true",
        "dfs.datanode.use.datanode.hostname": "true",
        # Two data nodes cannot be replaced by a third when one dies while a file is written.
        "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
    }


def _data_node(data: Path, number: int) -> dict[str, str]:
    """Give every node its own loopback address, and its own ports as well: the name node knows nodes by port too."""
    host, port = f"127.0.0.{10 + number}", 19860 + 10 * number
    return {
        "dfs.datanode.data.dir": f"file://{data}/datanode{number}",
        "dfs.datanode.hostname": host,
        "dfs.datanode.address": f"{host}:{port + 6}",
        "dfs.datanode.ipc.address": f"{host}:{port + 7}",
        "dfs.datanode.http.address": f"{host}:{port + 4}",
    }


def _yarn() -> dict[str, str]:
    manager = "yarn.resourcemanager"
    return {
        f"{manager}.hostname": HOST,
        f"{manager}.scheduler.address": f"{HOST}:18030",
        f"{manager}.resource-tracker.address": f"{HOST}:18031",
        f"{manager}.address": f"{HOST}:18032",
        f"{manager}.admin.address": f"{HOST}:18033",
        f"{manager}.webapp.address": f"{HOST}:{RESOURCE_MANAGER_WEB_PORT}",
        f"{manager}.scheduler.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler"
        ),
        f"{manager}.am.max-attempts": "2",
        f"{manager}.nodemanagers.heartbeat-interval-ms": "300",
        "yarn.scheduler.minimum-allocation-mb": "256",
        "yarn.scheduler.maximum-allocation-mb": "6144",
        "yarn.scheduler.maximum-allocation-vcores": "4",
        "yarn.nodemanager.resource.memory-mb": "6144",
        "yarn.nodemanager.resource.cpu-vcores": "4",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99",
        "yarn.nodemanager.env-whitelist": "JAVA_HOME,HADOOP_CONF_DIR,PATH,LANG,TZ",
        "yarn.log-aggregation-enable": "true",
        "yarn.nodemanager.remote-app-log-dir": "/yarn-logs",
        "yarn.nm.liveness-monitor.expiry-interval-ms": "20000",
    }


def _node_manager(data: Path, number: int) -> dict[str, str]:
    host, manager = f"127.0.0.{10 + number}", "yarn.nodemanager"
    return {
        f"{manager}.hostname": host,
        f"{manager}.address": f"{host}:18041",
        f"{manager}.localizer.address": f"{host}:18040",
        f"{manager}.webapp.address": f"{host}:18042",
        f"{manager}.collector-service.address": f"{host}:18048",
        f"{manager}.local-dirs": f"{data}/nodemanager{number}/local",
        f"{manager}.log-dirs": f"{data}/nodemanager{number}/logs",
    }


def _queues() -> dict[str, str]:
    """Share the cluster: 60 % for `batch`, 40 % for `training`; either may take what the other leaves."""
    settings = {
        f"{CAPACITY}root.queues": "batch,training",
        f"{CAPACITY}maximum-am-resource-percent": "0.5",
        f"{CAPACITY}resource-calculator": "org.apache.hadoop.yarn.util.resource.DefaultResourceCalculator",
    }
    for queue, percent in (("batch", "60"), ("training", "40")):
        settings |= {
            f"{CAPACITY}root.{queue}.capacity": percent,
            f"{CAPACITY}root.{queue}.maximum-capacity": "100",
            f"{CAPACITY}root.{queue}.user-limit-factor": "3",
            f"{CAPACITY}root.{queue}.state": "RUNNING",
        }
    return settings
