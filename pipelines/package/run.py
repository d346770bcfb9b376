"""Package: the Python environment and Spark's jars as two archives that a cluster unpacks."""

import gzip
import io
import logging
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import pyspark
from tqdm import tqdm

from pipelines import storage
from pipelines.package.config import PackageConfig
from pipelines.package.environment import PYTHON, SITE, files

# Debian's Python looks for packages in a folder of its own; this file, which every Python reads, names ours.
SITECUSTOMIZE = f'import site, sys\nsite.addsitedir(f"{{sys.prefix}}/{SITE}")\n'.encode()
OLDEST = (1980, 1, 1, 0, 0, 0)  # the first date that a .zip can hold


def package(config: PackageConfig) -> dict[str, Any]:
    """Write TARGET/environment.tar.gz and TARGET/spark-jars.zip; the same environment gives the same bytes."""
    environment, jars = (storage.join(config.target, name) for name in ("environment.tar.gz", "spark-jars.zip"))
    packed = files(config.extras, config.skip)
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        write_environment(Path(folder) / "environment.tar.gz", packed)
        write_jars(Path(folder) / "spark-jars.zip")
        for uri in (environment, jars):
            logging.getLogger(__name__).info("copying to %s", uri)
            storage.put_file(Path(folder) / uri.rsplit("/", 1)[-1], uri)
    options = f"--archives {environment}#environment --conf spark.yarn.archive={jars}"
    return {"environment": environment, "files": len(packed), "spark_jars": jars, "options": options}


def write_environment(archive: Path, packed: dict[str, Path]) -> None:
    """Write files by their place to a .tar.gz: sorted, without times and owners."""
    num_bytes = sum(path.stat().st_size for path in packed.values())
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
        tqdm(desc="environment", total=num_bytes, unit="B", unit_scale=True, disable=None) as progress,
    ):
        tar.addfile(_link("bin/python", PYTHON))
        custom = tarfile.TarInfo(f"lib/{PYTHON}/sitecustomize.py")
        custom.size = len(SITECUSTOMIZE)
        tar.addfile(custom, io.BytesIO(SITECUSTOMIZE))
        for place in sorted(packed):
            with packed[place].open("rb") as source:
                progress.update(_add(tar, place, source))


def _add(tar: tarfile.TarFile, place: str, source: BinaryIO) -> int:
    """Add an open file, and return its size in bytes."""
    status = os.fstat(source.fileno())
    member = tarfile.TarInfo(place)
    member.size, member.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
    tar.addfile(member, source)
    return member.size


def _link(place: str, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(place)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


def write_jars(archive: Path) -> None:
    """Write the jars of this environment's Spark to a .zip, stored: they are compressed already."""
    folder = Path(os.environ.get("SPARK_HOME") or pyspark.__path__[0]) / "jars"
    with zipfile.ZipFile(archive, "w") as zipped:
        for jar in tqdm(sorted(folder.glob("*.jar")), desc="Spark's jars", unit="jar", disable=None):
            zipped.writestr(zipfile.ZipInfo(jar.name, OLDEST), jar.read_bytes())
