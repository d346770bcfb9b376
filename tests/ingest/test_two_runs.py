"""Two runs that write the same target at once."""

from pathlib import Path

import pyarrow.parquet as pq

from tests.command import start
from tests.photos import write_photos


def test_one_is_refused_and_the_other_is_whole(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 60)
    jobs = [start("ingest", f"source={photos}", f"target={tmp_path}/dataset") for _ in range(2)]
    ended = {job.returncode: stderr for job in jobs for _, stderr in [job.communicate(timeout=300)]}
    assert sorted(ended) == [0, 1]
    assert "is being written by another run" in ended[1]
    ids = pq.read_table(tmp_path / "dataset" / "data")["image_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 180
