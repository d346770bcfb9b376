"""Photos and tables on a storage that is not this machine's disk."""

import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines import storage
from tests.photos import write_photos

Rows = dict[str, dict[str, Any]]


def upload_photos_and_a_text(folder: Path, uri: str) -> None:
    """Put 120 photos in three classes there, and a text with a photo's name."""
    write_photos(folder, 40)
    (folder / "red" / "text.jpg").write_text("no photo")
    storage.upload(folder, uri)


def rows(uri: str) -> list[dict[str, Any]]:
    """Read all Parquet files of a folder."""
    found: list[dict[str, Any]] = []
    for entry in storage.entries(uri):
        if entry.is_dir:
            found += rows(entry.uri)
        elif entry.uri.endswith(".parquet"):
            found += pq.read_table(io.BytesIO(storage.read_bytes(entry.uri))).to_pylist()
    return found


def by_id(some: list[dict[str, Any]]) -> Rows:
    """Return rows by their image, and see that no image has two."""
    found = {row["image_id"]: row for row in some}
    assert len(found) == len(some)
    return found
