"""Start a job: on this machine's Python with its JVM beside it, or by spark-submit on the cluster."""

import itertools
import json
import os
import shlex
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import pyspark

from pipelines import storage
from pipelines.model import code

RESULT_VARIABLE = "DARKROOM_RESULT"  # where a driver on the cluster leaves its last line and exit code
IMAGE_HOME = "/opt/darkroom"  # where the Dockerfile puts the project
DRIVER_ENVIRONMENTS = {"yarn": "spark.yarn.appMasterEnv", "k8s": "spark.kubernetes.driverEnv"}
CONNECTORS = {"s3": ("s3", "s3a"), "kafka": ("kafka",)}  # settings for URIs with these schemes
CONF_FILES = {"yarn": "yarn", "spark": "standalone", "mesos": "mesos", "k8s": "kubernetes"}


def submit(job: Path, words: Sequence[str], options: Sequence[str], target: str) -> int:
    """Run the job with spark-submit's `options`; return its exit code, or become the job.

    In cluster mode `target`'s parent folder is where the user's own code waits for the driver, and where the driver
    leaves its result; both are deleted at the end.
    """
    conf = job.parent.parent / "conf" / "spark"
    options = [*_properties(options, conf), *_connectors(words, conf), *_archived_python(options), *options]
    spark_home = os.environ.get("SPARK_HOME") or str(Path(pyspark.__file__).parent)
    environment = {
        "PYSPARK_PYTHON": sys.executable,
        "MALLOC_ARENA_MAX": "2",  # of glibc: else up to eight a core for the threads of a JVM
        **os.environ,
        **_archived_classes(),
        "SPARK_HOME": spark_home,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    sys.stdout.flush()
    if _value(options, "--deploy-mode") != "cluster":
        # The other way round Spark would mix the job's stderr into its stdout and hide the terminal.
        environment["PYSPARK_SUBMIT_ARGS"] = shlex.join([*options, "pyspark-shell"])
        os.execve(sys.executable, [sys.executable, str(job), *words], environment)
    spark_submit = str(Path(spark_home) / "bin" / "spark-submit")
    in_image = _value(options, "--master").startswith("k8s:")
    place = f"local://{IMAGE_HOME}/jobs/{job.name}" if in_image else str(job)
    return _run_on_cluster([spark_submit], options, [place, *words], environment, target)


def _run_on_cluster(
    command: list[str], options: Sequence[str], job: list[str], environment: dict[str, str], target: str
) -> int:
    """Wait for the driver, then say what it said: its last line, its error, its exit code."""
    aside = storage.join(target.rsplit("/", 1)[0], f".darkroom-{uuid.uuid4().hex}")
    result_uri = f"{aside}.json"
    master = _value(options, "--master").split(":")[0]
    send = []
    if target and master in DRIVER_ENVIRONMENTS:
        send = ["--conf", f"{DRIVER_ENVIRONMENTS[master]}.{RESULT_VARIABLE}={result_uri}"]
    if master == "yarn" and not any("spark.pyspark.python" in option for option in options):
        send += ["--conf", f"spark.pyspark.python={sys.executable}"]  # the same place on the nodes as here
    job = code.send(job, aside) if target else job
    try:
        submitted = subprocess.run([*command, *send, *options, *job], env=environment, stdout=sys.stderr, check=False)
    finally:
        if target:
            storage.remove(aside)
    if not target or not storage.exists(result_uri):
        print(
            "darkroom: the driver left no result; spark-submit's lines above say why, or where the cluster manager "
            "keeps its log",
            file=sys.stderr,
        )
        return submitted.returncode or 1
    result = storage.read_json(result_uri)
    storage.remove(result_uri)
    if result["error"]:
        print(result["error"], file=sys.stderr)
    if result["summary"]:
        print(json.dumps(result["summary"], ensure_ascii=False))
    return int(result["exit_code"])


def _value(options: Sequence[str], name: str) -> str:
    """Return the value of `--name value` or `--name=value`, an empty string without it."""
    for option, following in itertools.pairwise([*options, ""]):
        if option == name:
            return following
        if option.startswith(f"{name}="):
            return option.partition("=")[2]
    return ""


def _properties(options: Sequence[str], conf: Path) -> list[str]:
    """Choose CONF/MASTER.conf, unless the user names a properties file."""
    if _value(options, "--properties-file"):
        return []
    kind = CONF_FILES.get(_value(options, "--master").split(":")[0], "local")
    return ["--properties-file", str(conf / f"{kind}.conf")]


def _archived_classes() -> dict[str, str]:
    """Let Java take Spark's classes from the archive that `make setup` made; where it does not fit, Java ignores it."""
    archive = Path(sys.prefix) / "share" / "darkroom" / "spark.jsa"
    if not archive.exists():
        return {}
    options = ("-XX:SharedArchiveFile=" + str(archive), "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
    return {"SPARK_SUBMIT_OPTS": " ".join([*options, os.environ.get("SPARK_SUBMIT_OPTS", "")])}


def _archived_python(options: Sequence[str]) -> list[str]:
    """Let executors, and a driver on the cluster, use the Python of `--archives ENVIRONMENT#name`."""
    _, separator, name = _value(options, "--archives").rpartition("#")
    return ["--conf", f"spark.pyspark.python=./{name}/bin/python"] if separator else []


def _connectors(words: Sequence[str], conf: Path) -> list[str]:
    """Return the settings of CONF/s3.conf and CONF/kafka.conf where a URI asks for them; a user's own come later."""
    settings: dict[str, str] = {}
    for name, schemes in CONNECTORS.items():
        if any(f"={scheme}://" in word for word in words for scheme in schemes):
            for line in (conf / f"{name}.conf").read_text().splitlines():
                key, _, value = line.partition(" ")
                if value and key != "#":
                    joined = [settings[key]] if key in settings and key.startswith("spark.jars.") else []
                    settings[key] = ",".join([*joined, value.strip()])
    return [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
