"""Python workers are forked with what they need, and read nothing again before a task."""

import importlib
import sys
import zipfile
import zipimport
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from pipelines.worker_daemon import without_copies


def test_a_worker_has_torch_and_pyspark_s_compiled_files(spark: SparkSession) -> None:
    def look(_: int) -> tuple[bool, str]:
        return "torch" in sys.modules, sys.modules["pyspark"].__file__ or ""

    assert spark.sparkContext.parallelize([0], 1).map(look).first() == (True, pyspark.__file__)


def test_an_archive_is_not_read_again_before_each_task(spark: SparkSession, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive := tmp_path / "code.zip", "w") as file:
        file.writestr("some_module.py", "")

    def look(_: int) -> bool:
        sys.path_importer_cache[str(archive)] = importer = zipimport.zipimporter(str(archive))
        listing = importer._files  # type: ignore[attr-defined]
        importlib.invalidate_caches()
        return importer._files is listing  # type: ignore[attr-defined]

    assert spark.sparkContext.parallelize([0], 1).map(look).first()


def test_archives_of_another_spark_stay_on_the_path() -> None:
    own = str(Path(pyspark.__file__).parent / "python" / "lib" / "pyspark.zip")
    assert without_copies([own, "/opt/spark/python/lib/pyspark.zip"]) == ["/opt/spark/python/lib/pyspark.zip"]
