"""Turn listed files into rows: read, identify, canonicalise; what cannot be used becomes a reject.

Each task writes its images itself: only file names and counts go back through Spark, never pixels.
"""

import functools
import gc
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame

from pipelines import storage
from pipelines.ahead import map_ahead
from pipelines.errors import StorageError
from pipelines.images.canonical import canonicalise
from pipelines.images.identity import image_id
from pipelines.images.policy import Policy
from pipelines.images.reject import Rejected
from pipelines.ingest.parts import IMAGES, OUTCOMES, REJECTS, Part, PartWriter, writing_parts
from pipelines.ingest.rows import Splits

_PARTS_SCHEMA = "file string, num_rows long"
_ARROW = pa.schema([("file", pa.string()), ("num_rows", pa.int64())])
_PIXELS_ACROSS = 32  # of a photo's short side, for the mean and deviation of pixels
_READERS = 8  # threads of a task that wait for a server's files


class Plan(NamedTuple):
    """What the tasks of a run do with a file, and where they write."""

    policy: Policy
    splits: Splits
    labels: dict[str, int]
    folder: str
    group_rows: int


def write_parts(files: DataFrame, plan: Plan) -> list[Part]:
    """Make a canonical image of each file, or a reject; return the files that hold them and all outcomes.

    One task a partition, rows in the partition's order. Rows in = rows of `outcomes/`; no shuffle. A task holds some
    megabytes of images, whatever their number.
    """
    parts = files.mapInArrow(functools.partial(_write_part, plan=plan), _PARTS_SCHEMA).collect()
    return [Part(row["file"], row["num_rows"]) for row in parts]


def _write_part(batches: Iterable[pa.RecordBatch], plan: Plan) -> Iterator[pa.RecordBatch]:
    files = [row for batch in batches for row in batch.to_pylist()]
    context = TaskContext.get()
    if not files or context is None:
        return
    gc.freeze()  # modules stay: a collection after the task looks at its rows alone
    remote = any(storage.local_path(file["uri"]) is None for file in files)
    read = functools.partial(_read, policy=plan.policy)
    contents = map_ahead(read, files, num_threads=_READERS if remote else 0, depth=2 * _READERS)
    with writing_parts(plan.folder, context.partitionId(), plan.group_rows) as writer:
        for file, content in zip(files, contents, strict=True):
            _write_file(file, content, plan, writer)
        parts = writer.close()
    yield pa.RecordBatch.from_pylist([part._asdict() for part in parts], schema=_ARROW)


def _read(file: dict[str, Any], policy: Policy) -> bytes | Rejected:
    try:
        return read_image(file["uri"], file["size_bytes"], policy)
    except Rejected as error:
        return error


def _write_file(file: dict[str, Any], content: bytes | Rejected, plan: Plan, writer: PartWriter) -> None:
    """Add a file to the images or to the rejects, and to the outcomes."""
    outcome = {key: file[key] for key in ("uri", "size_bytes", "modified_at", "label_name")}
    try:
        if isinstance(content, Rejected):
            raise content
        outcome["image_id"] = image_id(content)
        if file["label_name"] is None:
            raise Rejected("no_label", "the file lies beside the label folders, or its row has no label")
        canonical = canonicalise(content, plan.policy)
    except Rejected as error:
        reject = {"uri": file["uri"], "reason": error.reason, "message": str(error)}
        reject["bytes"] = content if isinstance(content, bytes) else None
        outcome["reason"] = error.reason
        outcome["file"], outcome["row"] = writer.add("rejects", REJECTS, reject)
    else:
        image = {"image_id": outcome["image_id"], "uri": file["uri"], "image": canonical.image}
        image |= {"label": plan.labels[file["label_name"]], "label_name": file["label_name"]}
        image |= {"width_px": canonical.width_px, "height_px": canonical.height_px}
        outcome["split"] = file["split"] or plan.splits.of(outcome["image_id"])
        outcome["moments"] = moments(canonical.drawn)
        outcome["file"], outcome["row"] = writer.add(f"split={outcome['split']}", IMAGES, image)
    writer.add("outcomes", OUTCOMES, outcome)


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


def moments(pixels: np.ndarray[Any, Any]) -> list[float]:
    """Return the means of r, g, b and of their squares, of pixels in 0..1.

    Every n-th pixel of every n-th line counts, 32 or more along the short side. Sums are exact: order is no matter.
    """
    step = max(1, min(pixels.shape[:2]) // _PIXELS_ACROSS)
    sample = np.ascontiguousarray(pixels[::step, ::step].transpose(2, 0, 1), dtype=np.float64).reshape(3, -1)
    sums, squares = np.einsum("ij->i", sample), np.einsum("ij,ij->i", sample, sample)
    return [*(sums / (255 * sample.shape[1])).tolist(), *(squares / (255**2 * sample.shape[1])).tolist()]
