"""How one of petastorm's row groups becomes rows: as Arrow all the way, each file opened once."""

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from petastorm.arrow_reader_worker import ArrowReaderWorker
from petastorm.workers_pool import EmptyResultError

from pipelines.train.legacy_filesystem import is_local

COLUMNS = ["image_id", "label", "image"]
OPEN_FILES = 64


class GroupWorker(ArrowReaderWorker):  # type: ignore[misc]
    """Reads the row groups that petastorm names.

    Petastorm's own worker opens the file twice for every row group, and takes images through pandas and numpy.
    """

    def __init__(self, *arguments: Any) -> None:
        """Begin without any open file."""
        super().__init__(*arguments)
        self._files: OrderedDict[str, pq.ParquetFile] = OrderedDict()

    @staticmethod
    def new_results_queue_reader() -> "GroupReader":
        """Return what hands a row group on."""
        return GroupReader()

    def process(self, piece_index: int, worker_predicate: Any, shuffle_row_drop_partition: Any) -> None:  # noqa: ARG002
        """Publish a row group, in its own order, as an Arrow table."""
        piece = self._split_pieces[piece_index]
        file = self._file(piece.path)
        self.publish_func(file.read_row_group(piece.row_group, columns=COLUMNS, use_threads=False))

    def _file(self, path: str) -> pq.ParquetFile:
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        if len(self._files) == OPEN_FILES:
            self._files.popitem(last=False)[1].close(force=True)
        self._files[path] = pq.ParquetFile(path if is_local(self._filesystem) else self._filesystem.open(path))
        return self._files[path]


class GroupReader:
    """Petastorm's way from a pool to the reader, without a conversion."""

    batched_output = True

    def read_next(self, workers_pool: Any, schema: Any, ngram: Any) -> Any:  # noqa: ARG002
        """Return the next row group.

        Raises:
            StopIteration: there is none.
        """
        try:
            return workers_pool.get_results()
        except EmptyResultError:
            raise StopIteration from None


def views_of(column: pa.ChunkedArray) -> Iterator[memoryview]:
    """Yield the values of a binary column without nulls where they lie, without a copy."""
    for chunk in column.cast(pa.binary()).chunks:
        _, offsets, values = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1].tolist()
        content = memoryview(values or b"").cast("B")
        yield from (content[start:end] for start, end in itertools.pairwise(ends))
