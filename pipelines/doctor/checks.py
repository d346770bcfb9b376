"""What can be wrong with a cluster, each thing a check with its remedy."""

import importlib.metadata
import platform
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.errors import DarkroomError

PACKAGES = ("darkroom", "pyspark", "torch", "horovod", "petastorm", "pyarrow", "numpy")


class Check(NamedTuple):
    """One thing that was looked at; `remedy` is empty where all is well."""

    name: str
    found: str
    remedy: str = ""


def check_java(spark: SparkSession) -> Check:
    """Spark 3.5 runs on Java 8, 11 and 17."""
    version = str(spark.sparkContext._jvm.System.getProperty("java.version"))  # type: ignore[union-attr]
    fits = version.split(".")[0] in ("11", "17") or version.startswith("1.8")
    return Check("java", version, "" if fits else "Spark 3.5 wants Java 8, 11 or 17; set JAVA_HOME to one of them")


def check_spark(spark: SparkSession) -> Check:
    """The JVM's Spark and the Python package must be of one version."""
    package = importlib.metadata.version("pyspark")
    remedy = "" if spark.version == package else f"pyspark is {package}; unset SPARK_HOME or install that version"
    return Check("spark", f"{spark.version} on {spark.sparkContext.master}", remedy)


def check_horovod() -> Check:
    """Horovod must be there with torch and gloo; with NCCL too where there are GPUs."""
    try:
        import torch

        from pipelines.train.world import horovod_build

        build = horovod_build()
    except ImportError as error:
        return Check("horovod", f"{error}", "Horovod was not built against this torch; run make setup again")
    found = f"{importlib.metadata.version('horovod')}, gloo {build.gloo}, NCCL {build.nccl}"
    if not build.gloo:
        return Check("horovod", found, "processes cannot talk without gloo; run HOROVOD_WITH_GLOO=1 make setup")
    if torch.cuda.is_available() and not build.nccl:
        return Check("horovod", found, "there are GPUs: run HOROVOD_GPU_OPERATIONS=NCCL make setup")
    return Check("horovod", found)


def check_reading(uri: str) -> Check:
    """The file or folder must be there and answer."""

    def attempt() -> str:
        if not storage.exists(uri):
            raise DarkroomError(f"{uri} does not exist; look at its spelling")
        return "there"

    return _tried(f"read {uri}", attempt)


def check_writing(uri: str) -> Check:
    """A small file must come back as it was written, and go away again."""

    def attempt() -> str:
        probe, content = storage.join(uri, f"_doctor-{uuid.uuid4().hex}"), uuid.uuid4().bytes
        new = not storage.exists(uri)
        storage.write_bytes(probe, content)
        same = storage.read_bytes(probe) == content
        storage.remove(uri if new else probe)
        if not same:
            raise DarkroomError(f"{probe} did not come back as it was written")
        return "written, read, removed"

    return _tried(f"write {uri}", attempt)


def _tried(name: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name, attempt())
    except Exception as error:
        return Check(name, "failed", str(error))


def look_at_this_process(read: tuple[str, ...]) -> dict[str, Any]:
    """Describe the machine, Python and packages of this process, and what it says of the URIs to read."""
    return {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "clock": time.time(),
        "read": [check_reading(uri)._asdict() for uri in read],
    }


def look_at_executors(spark: SparkSession, read: tuple[str, ...]) -> list[dict[str, Any]]:
    """Let a task for every slot describe its process; several of one executor may answer."""
    slots = spark.sparkContext.defaultParallelism

    def look(_: Iterable[int]) -> Iterable[dict[str, Any]]:
        time.sleep(0.5)  # so that no executor does the work of all
        yield look_at_this_process(read)

    return spark.sparkContext.parallelize(range(slots), slots).mapPartitions(look).collect()


def check_executor(
    executor: dict[str, Any], driver: dict[str, Any], asked_until: float, max_skew_seconds: float
) -> list[Check]:
    """Compare an executor's process with the driver's, which asked from `driver["clock"]` until `asked_until`."""
    host = executor["host"]
    checks = []
    differing = {name: version for name, version in executor["packages"].items() if version != driver["packages"][name]}
    if executor["python"] != driver["python"]:
        differing["python"] = executor["python"]
    remedy = f"the driver has others; ship or install one environment: {differing}" if differing else ""
    checks.append(Check(f"environment of {host}", f"Python {executor['python']}", remedy))
    skew = max(driver["clock"] - executor["clock"], executor["clock"] - asked_until, 0.0)
    late = f"clocks differ by more than {max_skew_seconds} s; start NTP on {host}" if skew > max_skew_seconds else ""
    checks.append(Check(f"clock of {host}", f"{skew:.1f} s off the driver's", late))
    return checks + [Check(f"{item['name']} from {host}", item["found"], item["remedy"]) for item in executor["read"]]
