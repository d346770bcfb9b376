"""Python workers are forked with what they need, and read nothing again before a task."""

import gc
import importlib
import io
import socket
import sys
import zipfile
import zipimport
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from pipelines.worker_daemon import Prompt, preload, without_copies


def test_a_worker_has_torch_and_pyspark_s_compiled_files(spark: SparkSession) -> None:
    def look(_: int) -> tuple[bool, str]:
        return "torch" in sys.modules, sys.modules["pyspark"].__file__ or ""

    assert spark.sparkContext.parallelize([0], 1).map(look).first() == (True, pyspark.__file__)


def test_what_is_not_installed_is_left_to_the_tasks_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    preload("not_installed_here", "colorsys")
    assert "colorsys" in sys.modules


def test_an_archive_is_not_read_again_before_each_task(spark: SparkSession, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive := tmp_path / "code.zip", "w") as file:
        file.writestr("some_module.py", "")

    def look(_: int) -> bool:
        sys.path_importer_cache[str(archive)] = importer = zipimport.zipimporter(str(archive))
        listing = importer._files  # type: ignore[attr-defined]
        importlib.invalidate_caches()
        return importer._files is listing  # type: ignore[attr-defined]

    assert spark.sparkContext.parallelize([0], 1).map(look).first()


def test_a_worker_s_connection_sends_at_once(spark: SparkSession) -> None:
    def look(_: int) -> list[int]:
        readers = (found for found in gc.get_objects() if isinstance(found, Prompt))
        return [found._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for found in readers]

    assert spark.sparkContext.parallelize([0], 1).map(look).first() == [1]


def test_what_has_come_is_acknowledged_before_more_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sender:
        receiver, _ = server.accept()
        with receiver, receiver.makefile("rb") as source, io.BufferedReader(Prompt(source)) as prompt:
            receiver.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            sender.sendall(b"first")
            assert prompt.read(5) == b"first"
            assert receiver.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1


def test_archives_of_another_spark_stay_on_the_path() -> None:
    own = str(Path(pyspark.__file__).parent / "python" / "lib" / "pyspark.zip")
    assert without_copies([own, "/opt/spark/python/lib/pyspark.zip"]) == ["/opt/spark/python/lib/pyspark.zip"]
