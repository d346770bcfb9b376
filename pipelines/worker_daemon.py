"""The process from which Spark forks its Python workers: `spark.python.daemon.module`, set by pipelines/session.py.

Before every task Spark calls `importlib.invalidate_caches()`. Since Python 3.10 that reads each archive on the path
anew, in Python: pyspark.zip and the jar of Spark's core, a tenth of a second and more. After every task it calls
`gc.collect()`, which looks at all modules. And each worker would import the same modules for itself.

The JVM sends a task in parts, and holds the next back until the last is acknowledged (Nagle's algorithm, RFC 896).
Linux acknowledges 40 ms later (RFC 1122, delayed acknowledgement), with all cores idle; here it does so at once.
"""

import contextlib
import gc
import importlib
import io
import os
import socket
import sys
import sysconfig
import zipimport
from collections.abc import Iterable
from typing import Any

_BUFFER_BYTES = 65536  # as Spark's


def main(*modules: str) -> None:
    """Start as Spark's own daemon does, with what workers need imported once, and kept from the collector."""
    sys.path[:] = without_copies(sys.path)
    setattr(zipimport.zipimporter, "invalidate_caches", lambda _: None)  # noqa: B010 - as before Python 3.10
    preload("pandas", "pyspark.sql.pandas.serializers", *modules)
    from pyspark import daemon

    if hasattr(socket, "TCP_QUICKACK"):  # Linux alone
        setattr(daemon, "worker_main", _run_task)  # noqa: B010 - which calls it by this name
    gc.collect()
    gc.freeze()
    daemon.manager()  # type: ignore[no-untyped-call]


def preload(*modules: str) -> None:
    """Import what is installed. A task whose packages were packed without torch may never need it."""
    for module in modules:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)


def _run_task(source: io.BufferedReader, sink: io.BufferedWriter) -> None:
    from pyspark import worker

    worker.main(io.BufferedReader(Prompt(source), _BUFFER_BYTES), sink)  # type: ignore[no-untyped-call]


def without_copies(path: Iterable[str]) -> list[str]:
    """Leave out the archives inside the installed pyspark: its files are there too, compiled. Another Spark's stay."""
    inside = os.path.join(sysconfig.get_path("purelib"), "pyspark", "")
    return [entry for entry in path if not entry.startswith(inside)]


class Prompt(io.RawIOBase):
    """The JVM's end of a connection, read: what has come is acknowledged before more is waited for."""

    def __init__(self, source: io.BufferedReader) -> None:
        """Send at once what is written to the same connection, too."""
        self._source = source
        self._socket = socket.socket(fileno=os.dup(source.fileno()))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes and return how many came; none at the end."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # holds until the next packet
        return self._source.readinto1(buffer)

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()
        super().close()


if __name__ == "__main__":
    main()
