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
from pipelines.images.canonical import CanonicalImage, canonicalise
from pipelines.images.identity import image_id
from pipelines.images.policy import Policy
from pipelines.images.read import read_image
from pipelines.images.reject import Rejected
from pipelines.ingest.parts import IMAGES, OUTCOMES, REJECTS, Part, PartWriter, writing_parts
from pipelines.ingest.rows import Splits

_PARTS_SCHEMA = "file string, num_rows long"
_ARROW = pa.schema([("file", pa.string()), ("num_rows", pa.int64())])
_PIXELS_ACROSS = 32  # of a photo's short side, for the mean and deviation of pixels
CHUNK_FILES, CHUNK_BYTES = 16, 4 * 2**20
_READERS = 8  # threads of a task that wait for a server's files

_File = tuple[dict[str, Any], bytes | Rejected]  # as listed, and what was read


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
        for some in chunks(zip(files, contents, strict=True)):
            _write_files(some, plan, writer)
        parts = writer.close()
    yield pa.RecordBatch.from_pylist([part._asdict() for part in parts], schema=_ARROW)


def _read(file: dict[str, Any], policy: Policy) -> bytes | Rejected:
    try:
        return read_image(file["uri"], file["size_bytes"], policy)
    except Rejected as error:
        return error


def chunks(files: Iterable[_File]) -> Iterator[list[_File]]:
    """Yield files in order, sixteen at once, fewer where they are large."""
    chunk, num_bytes = list[_File](), 0
    for file, content in files:
        chunk.append((file, content))
        num_bytes += len(content) if isinstance(content, bytes) else 0
        if len(chunk) == CHUNK_FILES or num_bytes >= CHUNK_BYTES:
            yield chunk
            chunk, num_bytes = [], 0
    if chunk:
        yield chunk


def _write_files(files: list[_File], plan: Plan, writer: PartWriter) -> None:
    """Add files to the images or to the rejects, and to the outcomes.

    Each step is done for all of them before the next: a photo's pixels empty the core's caches, and Python would fetch
    the code of every step from memory again for every photo.
    """
    ids = [image_id(content) if isinstance(content, bytes) else "" for _, content in files]
    images = [_canonicalise(file, content, plan.policy) for file, content in files]
    statistics = [None if isinstance(image, Rejected) else moments(image.drawn) for image in images]
    for (file, content), name, image, statistic in zip(files, ids, images, statistics, strict=True):
        outcome = {key: file[key] for key in ("uri", "size_bytes", "modified_at", "label_name")}
        outcome |= {"image_id": name or None, "moments": statistic}
        if isinstance(image, Rejected):
            outcome["reason"] = image.reason
            reject = {"uri": file["uri"], "reason": image.reason, "message": str(image)}
            reject["bytes"] = content if isinstance(content, bytes) else None
            outcome["file"], outcome["row"] = writer.add("rejects", REJECTS, reject)
        else:
            row = {"image_id": name, "uri": file["uri"], "image": image.image}
            row |= {"label": plan.labels[file["label_name"]], "label_name": file["label_name"]}
            row |= {"width_px": image.width_px, "height_px": image.height_px}
            outcome["split"] = file["split"] or plan.splits.of(name)
            outcome["file"], outcome["row"] = writer.add(f"split={outcome['split']}", IMAGES, row)
        writer.add("outcomes", OUTCOMES, outcome)


def _canonicalise(file: dict[str, Any], content: bytes | Rejected, policy: Policy) -> CanonicalImage | Rejected:
    if isinstance(content, Rejected):
        return content
    if file["label_name"] is None:
        return Rejected("no_label", "the file lies beside the label folders, or its row has no label")
    try:
        return canonicalise(content, policy)
    except Rejected as error:
        return error


def moments(pixels: np.ndarray[Any, Any]) -> list[float]:
    """Return the means of r, g, b and of their squares, of pixels in 0..1.

    Every n-th pixel of every n-th line counts, 32 or more along the short side. Sums are exact: order is no matter.
    """
    step = max(1, min(pixels.shape[:2]) // _PIXELS_ACROSS)
    sample = np.ascontiguousarray(pixels[::step, ::step].transpose(2, 0, 1), dtype=np.float64).reshape(3, -1)
    sums, squares = np.einsum("ij->i", sample), np.einsum("ij,ij->i", sample, sample)
    return [*(sums / (255 * sample.shape[1])).tolist(), *(squares / (255**2 * sample.shape[1])).tolist()]
