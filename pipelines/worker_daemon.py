"""The process from which Spark forks its Python workers: `spark.python.daemon.module`, set by pipelines/session.py.

Before every task Spark calls `importlib.invalidate_caches()`. Since Python 3.10 that reads each archive on the path
anew, in Python: pyspark.zip and the jar of Spark's core, a tenth of a second and more. After every task it calls
`gc.collect()`, which looks at all modules. And each worker would import the same modules for itself.
"""

import gc
import importlib
import os
import sys
import sysconfig
import zipimport
from collections.abc import Iterable


def main(*modules: str) -> None:
    """Start as Spark's own daemon does, with what workers need imported once, and kept from the collector."""
    sys.path[:] = without_copies(sys.path)
    setattr(zipimport.zipimporter, "invalidate_caches", lambda _: None)  # noqa: B010 - as before Python 3.10
    for module in ("pandas", "pyspark.sql.pandas.serializers", *modules):
        importlib.import_module(module)
    from pyspark import daemon

    gc.collect()
    gc.freeze()
    daemon.manager()  # type: ignore[no-untyped-call]


def without_copies(path: Iterable[str]) -> list[str]:
    """Leave out the archives inside the installed pyspark: its files are there too, compiled. Another Spark's stay."""
    inside = os.path.join(sysconfig.get_path("purelib"), "pyspark", "")
    return [entry for entry in path if not entry.startswith(inside)]


if __name__ == "__main__":
    main()
