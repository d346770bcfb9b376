"""Predict classes: read and decode on threads, overlapped with the network's forward pass."""

import functools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from pyspark.sql import DataFrame

from pipelines.images.identity import image_id
from pipelines.images.reject import Rejected
from pipelines.ingest.prepare import read_image
from pipelines.model.answers import answer
from pipelines.model.bundle import Bundle, load_bundle
from pipelines.model.engines import Engine, open_engine
from pipelines.model.preprocess import from_bytes

SCORED_SCHEMA = (
    "image_id string, uri string, label_name string, confidence double, "
    "top_k array<struct<label_name: string, confidence: double>>, model_id string, "
    "reason string, message string, bytes binary"
)
_ARROW = pa.schema(
    [
        ("image_id", pa.string()),
        ("uri", pa.string()),
        ("label_name", pa.string()),
        ("confidence", pa.float64()),
        ("top_k", pa.list_(pa.struct([("label_name", pa.string()), ("confidence", pa.float64())]))),
        ("model_id", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("bytes", pa.binary()),
    ]
)


class ModelUse(NamedTuple):
    """How the tasks of a run use a bundle."""

    uri: str
    engine: str
    top_k: int = 5
    batch_size: int = 16
    num_threads: int = 1
    trust_code: bool = False


class Decoded(NamedTuple):
    """One input ready for the network, or the reject that it became."""

    row: dict[str, Any]
    pixels: torch.Tensor | None


def score_images(images: DataFrame, use: ModelUse) -> DataFrame:
    """Return one row an input: a prediction, or a reject with `reason`, `message` and `bytes`.

    `images` has uri and size_bytes, and, where the bytes are at hand already, image_id and image.
    Rows in = rows out; no shuffle. Each Python worker loads the model once.
    """
    return images.mapInArrow(functools.partial(_score_batches, use=use), SCORED_SCHEMA)


def _score_batches(batches: Iterator[pa.RecordBatch], use: ModelUse) -> Iterator[pa.RecordBatch]:
    bundle, engine = _open(use)
    rows = (row for batch in batches for row in batch.to_pylist())
    with ThreadPoolExecutor(use.num_threads + 1) as pool:
        decoded = _ahead(pool, rows, bundle, depth=2 * use.batch_size)
        while chunk := list(islice(decoded, use.batch_size)):
            yield pa.RecordBatch.from_pylist(_predict(chunk, bundle, engine, use.top_k), schema=_ARROW)


@functools.lru_cache(maxsize=1)
def _open(use: ModelUse) -> tuple[Bundle, Engine]:
    torch.set_num_threads(use.num_threads)
    bundle = load_bundle(use.uri, use.trust_code)
    return bundle, open_engine(bundle, use.engine, use.num_threads)


def _ahead(pool: ThreadPoolExecutor, rows: Iterator[dict[str, Any]], bundle: Bundle, depth: int) -> Iterator[Decoded]:
    """Decode in order on the pool's threads, at most `depth` images ahead of the reader."""
    waiting: deque[Future[Decoded]] = deque()
    for row in rows:
        waiting.append(pool.submit(_decode, row, bundle))
        if len(waiting) >= depth:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _decode(row: dict[str, Any], bundle: Bundle) -> Decoded:
    preprocessing = bundle.info.preprocessing
    content = row.get("image")
    identity = row.get("image_id")
    try:
        if content is None:
            content = read_image(row["uri"], row["size_bytes"], preprocessing.policy)
        identity = identity or image_id(content)
        pixels = from_bytes(content, preprocessing)
    except Rejected as error:
        reject = {"reason": error.reason, "message": str(error), "bytes": content}
        return Decoded({"image_id": identity, "uri": row["uri"], **reject}, None)
    return Decoded({"image_id": identity, "uri": row["uri"]}, pixels)


def _predict(chunk: list[Decoded], bundle: Bundle, engine: Engine, top_k: int) -> list[dict[str, Any]]:
    rows = [item.row for item in chunk]
    pixels = [item.pixels for item in chunk if item.pixels is not None]
    if not pixels:
        return rows
    probabilities = iter(engine.predict(torch.stack(pixels)))
    answers = []
    for item in chunk:
        row = item.row
        if item.pixels is not None:
            row = {**row, **answer(next(probabilities), bundle.info, top_k)}
        answers.append(row)
    return answers
