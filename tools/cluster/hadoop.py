"""HDFS with two data nodes and YARN with two node managers, six Java processes on loopback."""

import json
import subprocess
import urllib.error
import urllib.request
from typing import Any

from tools.cluster.hadoop_conf import (
    HOST,
    NAME_NODE_PORT,
    NUM_NODES,
    RESOURCE_MANAGER_WEB_PORT,
    WEB_HDFS_PORT,
    write_conf,
)
from tools.cluster.jars import fetch, java
from tools.cluster.process import STATE, pid_of, start, stop, wait

NODES = range(1, NUM_NODES + 1)
MAINS = {
    "namenode": ("org.apache.hadoop.hdfs.server.namenode.NameNode", 256),
    **{f"datanode{n}": ("org.apache.hadoop.hdfs.server.datanode.DataNode", 192) for n in NODES},
    "resourcemanager": ("org.apache.hadoop.yarn.server.resourcemanager.ResourceManager", 256),
    **{f"nodemanager{n}": ("org.apache.hadoop.yarn.server.nodemanager.NodeManager", 224) for n in NODES},
}
CONF, DATA = STATE / "hadoop" / "conf", STATE / "hadoop" / "data"
CLIENT_CONF = CONF / "client"


def up() -> dict[str, str]:
    """Start what does not run yet, wait until HDFS and YARN have all nodes; return the addresses."""
    jars = fetch("hadoop")
    write_conf(CONF, DATA)
    if not (DATA / "namenode").exists():
        main, heap_mb = MAINS["namenode"]
        command = [*java(jars, heap_mb=heap_mb, before=str(CONF / "namenode")), main, "-format", "-nonInteractive"]
        subprocess.run(command, check=True, capture_output=True)
    for name in MAINS:
        start_server(name)
    wait("HDFS and YARN", _answers, list(MAINS))
    return addresses()


def start_server(name: str) -> None:
    """Start one server if it does not run."""
    if pid_of(name):
        return
    main, heap_mb = MAINS[name]
    command = java(fetch("hadoop"), heap_mb=heap_mb, before=str(CONF / name))
    logs = [f"-Dhadoop.log.dir={STATE}/logs", f"-Dyarn.log.dir={STATE}/logs"]
    start(name, [command[0], *logs, *command[1:], main], {"HADOOP_CONF_DIR": str(CLIENT_CONF)})


def down() -> None:
    """Stop the servers; their data stay."""
    for name in reversed(MAINS):
        stop(name)


def addresses() -> dict[str, str]:
    """Return what a client needs."""
    return {
        "hdfs": f"hdfs://{HOST}:{NAME_NODE_PORT}",
        "webhdfs": f"http://{HOST}:{WEB_HDFS_PORT}",
        "yarn": f"http://{HOST}:{RESOURCE_MANAGER_WEB_PORT}",
        "HADOOP_CONF_DIR": str(CLIENT_CONF),
        "queues": "batch,training",
    }


def status() -> dict[str, str]:
    """Say of every server whether it runs."""
    return {name: "up" if pid_of(name) else "down" for name in MAINS}


def admin(*arguments: str) -> str:
    """Run a command of HDFS's administration, such as `-safemode get`, and return what it prints."""
    command = [*java(fetch("hadoop"), heap_mb=128, before=str(CLIENT_CONF)), "org.apache.hadoop.hdfs.tools.DFSAdmin"]
    return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout


def _answers() -> bool:
    try:
        node = _get(WEB_HDFS_PORT, "/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo")["beans"][0]
        yarn = _get(RESOURCE_MANAGER_WEB_PORT, "/ws/v1/cluster/metrics")["clusterMetrics"]
    except (OSError, urllib.error.URLError, KeyError, IndexError, ValueError):
        return False
    live = len(json.loads(node["LiveNodes"]))
    return not node["Safemode"] and live == NUM_NODES and yarn["activeNodes"] == NUM_NODES


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=3) as answer:
        return json.load(answer)
