"""A job on YARN whose nodes get Python, packages and Spark from archives on HDFS."""

from pathlib import Path

from pipelines import storage
from tests.command import darkroom, finish, start
from tests.photos import write_photos


def test_ingest_runs_from_the_archives(hdfs: str, tmp_path: Path) -> None:
    storage.upload(write_photos(tmp_path, 10), f"{hdfs}/few-photos")
    made = darkroom("package", f"target={hdfs}/package", "skip=[pyspark,torch,openvino]")
    words = (
        f"source={hdfs}/few-photos",
        f"target={hdfs}/from-archives",
        "--master",
        "yarn",
        "--deploy-mode",
        "cluster",
    )
    stdout, _ = finish(start("ingest", *words, "--queue", "batch", *made["options"].split()))
    assert '"accepted": 30' in stdout
