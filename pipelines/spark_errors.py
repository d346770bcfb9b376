"""Say in one sentence what Spark says in pages of traces."""

import re

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.config import JobConfig
from pipelines.errors import ConfigError, DarkroomError, DataError, StorageError

# The last line of each kind in a trace is where the trouble began.
_JAVA = re.compile(r"^(?:Caused by)?: ([\w.$]+): (.+)$", re.MULTILINE)
_OURS = re.compile(r"^pipelines\.[\w.]+\.(\w+): (.+)$", re.MULTILINE)
_OF_STORAGES = ("java.io.", "java.net.", "java.nio.", "org.apache.hadoop.", "com.amazonaws.", "software.amazon.")
_STORED = tuple(f"{scheme}://" for scheme in storage.SCHEMES)
_KINDS = {kind.__name__: kind for kind in (StorageError, ConfigError, DataError)}
JVM_DIED = (
    "Spark's driver process has died; was it killed, or out of memory (spark.driver.memory)? Run the same command again"
)


def has_died(session: SparkSession) -> bool:
    """Say whether the driver's JVM no longer answers; what a call to it raises then is of many kinds."""
    try:
        return not session.version
    except (Py4JError, OSError):
        return True


def explain(error: Exception, config: JobConfig) -> DarkroomError | None:
    """Return the error of ours that a task raised, or a storage's refusal with its remedy; None for anything else."""
    trace = str(error)
    uris = {key: value for key, value in config if isinstance(value, str) and value.startswith(_STORED)}
    run = ", ".join(f"{key}={uri}" for key, uri in uris.items())
    if ours := _OURS.findall(trace):
        kind, message = ours[-1]
        return _KINDS.get(kind, DarkroomError)(f"{message}; this run has {run}" if kind == "StorageError" else message)
    causes = [cause for cause in _JAVA.findall(trace) if cause[0].startswith(_OF_STORAGES)]
    if not causes:
        return None
    kind, message = causes[-1]
    remedies = dict.fromkeys(storage.remedy(uri) for uri in uris.values())
    return StorageError(f"{kind.rsplit('.', 1)[-1]}: {message}; this run has {run}; {'; '.join(remedies)}")
