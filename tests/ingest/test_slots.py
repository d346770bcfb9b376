"""The dataset is the same, file by file and row by row, however many tasks run at once."""

from pathlib import Path

import pyarrow.parquet as pq

from tests.command import darkroom
from tests.photos import write_photos


def rows_by_file(target: Path) -> dict[str, list[str]]:
    files = sorted((target / "data").rglob("*.parquet"))
    return {str(file.relative_to(target)): pq.read_table(file)["image_id"].to_pylist() for file in files}


def test_one_slot_and_four_make_the_same_dataset(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 40)
    ids = {
        master: darkroom("ingest", f"source={photos}", f"target={tmp_path}/{name}", "--master", master)["dataset_id"]
        for master, name in (("local[1]", "one"), ("local[4]", "four"))
    }
    assert ids["local[1]"] == ids["local[4]"]
    assert rows_by_file(tmp_path / "one") == rows_by_file(tmp_path / "four")
    assert sum(map(len, rows_by_file(tmp_path / "one").values())) == 120
