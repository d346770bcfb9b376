"""Turn listed files into rows: read, identify, canonicalise; what cannot be used becomes a reject."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from pipelines import storage
from pipelines.errors import StorageError
from pipelines.images.canonical import canonicalise
from pipelines.images.identity import image_id
from pipelines.images.policy import Policy
from pipelines.images.reject import Rejected

PREPARED_SCHEMA = (
    "image_id string, uri string, label_name string, split string, size_bytes long, modified_at double, "
    "width_px int, height_px int, image binary, moments array<double>, reason string, message string"
)
_ARROW = pa.schema(
    [
        ("image_id", pa.string()),
        ("uri", pa.string()),
        ("label_name", pa.string()),
        ("split", pa.string()),
        ("size_bytes", pa.int64()),
        ("modified_at", pa.float64()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("image", pa.binary()),
        ("moments", pa.list_(pa.float64())),
        ("reason", pa.string()),
        ("message", pa.string()),
    ]
)
_BATCH_BYTES = 4 * 2**20
_PIXEL_STEP = 4  # pixel mean and deviation come from every fourth pixel of every fourth line


def prepare(files: DataFrame, policy: Policy) -> DataFrame:
    """Return one row a file: a canonical image, or the file's own bytes with a reason code.

    Rows in = rows out; no shuffle. A batch holds about 4 MiB of images, whatever their number.
    """

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in batch.to_pylist())
        yield from in_batches((_prepare_file(row, policy) for row in rows), _ARROW)

    return files.mapInArrow(run, PREPARED_SCHEMA)


def in_batches(rows: Iterator[dict[str, Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Gather rows with an `image` into Arrow batches of about 4 MiB."""
    chunk: list[dict[str, Any]] = []
    num_bytes = 0
    for row in rows:
        chunk.append(row)
        num_bytes += len(row["image"] or b"")
        if num_bytes >= _BATCH_BYTES:
            yield pa.RecordBatch.from_pylist(chunk, schema=schema)
            chunk, num_bytes = [], 0
    if chunk:
        yield pa.RecordBatch.from_pylist(chunk, schema=schema)


def _prepare_file(file: dict[str, Any], policy: Policy) -> dict[str, Any]:
    row = {key: file[key] for key in ("uri", "label_name", "split", "size_bytes", "modified_at")}
    content = None
    try:
        content = read_image(file["uri"], file["size_bytes"], policy)
        row["image_id"] = image_id(content)
        if file["label_name"] is None:
            raise Rejected("no_label", "the file lies beside the label folders, or its row has no label")
        canonical = canonicalise(content, policy)
    except Rejected as error:
        return {**row, "image": content, "reason": error.reason, "message": str(error)}
    return {
        **row,
        "width_px": canonical.width_px,
        "height_px": canonical.height_px,
        "image": canonical.image,
        "moments": _moments(canonical.pixels),
    }


def read_image(uri: str, size_bytes: int | None, policy: Policy) -> bytes:
    """Read a file whole, if it is there and not over `max_bytes`.

    Raises:
        Rejected: too_many_bytes, or unreadable with the reason that the storage gives.
        StorageError: a server did not answer; the task is worth another try, the file is not to blame.
    """
    try:
        if size_bytes is None:
            size_bytes = entry.size_bytes if (entry := storage.stat(uri)) else 0
        if size_bytes > policy.max_bytes:
            raise Rejected("too_many_bytes", f"{size_bytes} bytes are more than max_bytes={policy.max_bytes}")
        return storage.read_bytes(uri)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise Rejected("unreadable", f"{type(error).__name__}: {error}") from error
    except StorageError as error:
        if isinstance(error.__cause__, PermissionError) or storage.local_path(uri):
            raise Rejected("unreadable", str(error)) from error
        raise


def _moments(pixels: np.ndarray[Any, Any]) -> list[float]:
    """Return the means of r, g, b and of their squares, of pixels in 0..1."""
    sample = pixels[::_PIXEL_STEP, ::_PIXEL_STEP].reshape(-1, 3).astype(np.float32) / 255
    return [*sample.mean(axis=0).tolist(), *np.square(sample).mean(axis=0).tolist()]
