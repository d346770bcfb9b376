"""The files that tasks write: Parquet for each split, for rejects and for outcomes, one of each a task at most."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage

IMAGES = pa.schema(
    [
        ("image_id", pa.string()),
        ("uri", pa.string()),
        ("label", pa.int64()),
        ("label_name", pa.string()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("image", pa.binary()),
    ]
)
REJECTS = pa.schema([("uri", pa.string()), ("reason", pa.string()), ("message", pa.string()), ("bytes", pa.binary())])
OUTCOMES = pa.schema(
    [
        ("uri", pa.string()),
        ("size_bytes", pa.int64()),
        ("modified_at", pa.float64()),
        ("label_name", pa.string()),
        ("image_id", pa.string()),
        ("split", pa.string()),
        ("reason", pa.string()),
        ("moments", pa.list_(pa.float64())),
        ("file", pa.string()),
        ("row", pa.int32()),
    ]
)
_GROUP_BYTES = 4 * 2**20
_SMALL_ROWS = 4096  # of a row group without images
_REPEATED = ("label_name", "split", "reason", "file")


class Part(NamedTuple):
    """A file, TABLE/part-NUMBER-ATTEMPT.parquet below the folder of all parts, and its number of rows."""

    file: str
    num_rows: int


class PartFile:
    """One Parquet file that grows by row groups of `group_rows` rows, or of 4 MiB where images are large."""

    def __init__(self, path: Path, schema: pa.Schema, group_rows: int) -> None:
        """Open the file. Nothing is compressed twice, and pixels get no statistics."""
        names = [field.name for field in schema]
        self._schema, self._group_rows = schema, group_rows
        self._rows: list[dict[str, Any]] = []
        self._num_bytes, self.num_rows = 0, 0
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="none",
            use_dictionary=[name for name in names if name in _REPEATED],
            write_statistics=[name for name in names if name not in ("image", "bytes", "moments")],
        )

    def add(self, row: dict[str, Any]) -> int:
        """Add a row; return its place in the file."""
        self._rows.append(row)
        self._num_bytes += len(row.get("image") or row.get("bytes") or b"")
        self.num_rows += 1
        if len(self._rows) >= self._group_rows or self._num_bytes >= _GROUP_BYTES:
            self.flush()
        return self.num_rows - 1

    def flush(self) -> None:
        """Write the rows so far as a row group."""
        if self._rows:
            columns = [pa.array([row.get(field.name) for row in self._rows], field.type) for field in self._schema]
            self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows, self._num_bytes = [], 0

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


class PartWriter:
    """The files of one attempt of one task."""

    def __init__(self, folder: str, number: int, group_rows: int, places: ExitStack) -> None:
        """Begin without any file; `places` puts them where they belong when it ends."""
        self._folder, self._group_rows, self._places = folder, group_rows, places
        self._name = f"part-{number:05d}-{uuid.uuid4().hex[:8]}.parquet"
        self._files: dict[str, PartFile] = {}

    def add(self, table: str, schema: pa.Schema, row: dict[str, Any]) -> tuple[str, int]:
        """Add a row to a table; return its file and its place there."""
        name = f"{table}/{self._name}"
        if name not in self._files:
            path = self._places.enter_context(storage.writing(storage.join(self._folder, name)))
            self._files[name] = PartFile(path, schema, self._group_rows if schema is IMAGES else _SMALL_ROWS)
        return name, self._files[name].add(row)

    def close(self) -> list[Part]:
        """End the files; return what was written."""
        for file in self._files.values():
            file.flush()
            file.close()
        return [Part(name, file.num_rows) for name, file in self._files.items()]


@contextmanager
def writing_parts(folder: str, number: int, group_rows: int) -> Iterator[PartWriter]:
    """Give a writer whose files, once closed, are below `folder` when the block ends; not after an error.

    Another attempt at the same task writes files with other names: Spark's result says which attempt counts.
    """
    with ExitStack() as places:
        yield PartWriter(folder, number, group_rows, places)


def without_rows(folder: str, name: str, dropped: set[int], group_rows: int) -> Part:
    """Write the part called `name` again without some of its rows, a row group at a time."""
    table, number, _ = name.replace("/part-", "-").split("-")
    position = 0
    with storage.filesystem(storage.join(folder, name)) as (fs, path), fs.open(path, "rb") as file:
        source = pq.ParquetFile(file)
        with writing_parts(folder, int(number), group_rows) as writer:
            for group in range(source.num_row_groups):
                for row in source.read_row_group(group).to_pylist():
                    if position not in dropped:
                        writer.add(table, IMAGES, row)
                    position += 1
            parts = writer.close()
    return parts[0] if parts else Part("", 0)
