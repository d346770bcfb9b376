"""Predict classes: read and decode on threads, overlapped with the network's forward pass."""

import functools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from pyspark.sql import DataFrame

from pipelines.images.identity import image_id
from pipelines.images.read import read_image
from pipelines.images.reject import Rejected
from pipelines.model.answers import answer
from pipelines.model.bundle import Bundle, load_bundle
from pipelines.model.engines import Engine, open_engine
from pipelines.model.preprocess import from_bytes, stack

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


FEATURES_SCHEMA = "image_id string, uri string, features array<float>, reason string, message string, bytes binary"
_ARROW_FEATURES = pa.schema(
    [
        ("image_id", pa.string()),
        ("uri", pa.string()),
        ("features", pa.list_(pa.float32())),
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
    precision: str = "float32"
    outputs: str = "probabilities"


class Decoded(NamedTuple):
    """One input ready for the network, or the reject that it became."""

    row: dict[str, Any]
    pixels: torch.Tensor | None


def score_images(images: DataFrame, use: ModelUse, keep: tuple[str, ...] = ()) -> DataFrame:
    """Return one row an input: a prediction, or a reject with `reason`, `message` and `bytes`.

    `images` has uri and size_bytes, and, where the bytes are at hand already, image_id and image. A row that comes
    with a `reason` is a reject already and stays one. The columns named in `keep` are handed through.
    Rows in = rows out; no shuffle. Each Python worker loads the model once.
    A model that gives features puts them in the place of the prediction.
    """
    kept = [f"{name} {images.schema[name].dataType.simpleString()}" for name in keep]
    run = functools.partial(score_batches, use=use, keep=keep)
    return images.mapInArrow(
        run, ", ".join([SCORED_SCHEMA if use.outputs == "probabilities" else FEATURES_SCHEMA, *kept])
    )


def score_batches(batches: Iterator[pa.RecordBatch], use: ModelUse, keep: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Do what `score_images` does with the rows of one task."""
    if (first := next(batches, None)) is None:
        return
    bundle, engine = _open(use)
    schema = pa.schema(
        [*(_ARROW if use.outputs == "probabilities" else _ARROW_FEATURES), *(first.schema.field(name) for name in keep)]
    )
    rows = (row for batch in chain([first], batches) for row in batch.to_pylist())
    with ThreadPoolExecutor(use.num_threads + 1) as pool:
        decoded = _ahead(pool, rows, bundle, keep, depth=2 * use.batch_size)
        while chunk := list(islice(decoded, use.batch_size)):
            yield pa.RecordBatch.from_pylist(_predict(chunk, bundle, engine, use.top_k), schema=schema)


@functools.lru_cache(maxsize=1)
def _open(use: ModelUse) -> tuple[Bundle, Engine]:
    torch.set_num_threads(use.num_threads)
    bundle = load_bundle(use.uri, use.trust_code, use.outputs)
    return bundle, open_engine(bundle, use.engine, use.num_threads, use.precision)


def _ahead(
    pool: ThreadPoolExecutor, rows: Iterator[dict[str, Any]], bundle: Bundle, keep: tuple[str, ...], depth: int
) -> Iterator[Decoded]:
    """Decode in order on the pool's threads, at most `depth` images ahead of the reader."""
    waiting: deque[Future[Decoded]] = deque()
    for row in rows:
        waiting.append(pool.submit(_decode, row, bundle, keep))
        if len(waiting) >= depth:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _decode(row: dict[str, Any], bundle: Bundle, keep: tuple[str, ...]) -> Decoded:
    preprocessing = bundle.info.preprocessing
    content = row.get("image")
    identity = row.get("image_id")
    kept = {name: row[name] for name in keep}
    try:
        if row.get("reason"):
            raise Rejected(row["reason"], row["message"])
        if content is None:
            content = read_image(row["uri"], row["size_bytes"], preprocessing.policy)
        identity = identity or image_id(content)
        pixels = from_bytes(content, preprocessing)
    except Rejected as error:
        reject = {"reason": error.reason, "message": str(error), "bytes": content}
        return Decoded({"image_id": identity, "uri": row["uri"], **reject, **kept}, None)
    return Decoded({"image_id": identity, "uri": row["uri"], **kept}, pixels)


def _predict(chunk: list[Decoded], bundle: Bundle, engine: Engine, top_k: int) -> list[dict[str, Any]]:
    rows = [item.row for item in chunk]
    pixels = [item.pixels for item in chunk if item.pixels is not None]
    if not pixels:
        return rows
    probabilities = iter(engine.predict(stack(pixels)))
    answers = []
    for item in chunk:
        row = item.row
        if item.pixels is not None:
            row = {**row, **answer(next(probabilities), bundle.info, top_k)}
        answers.append(row)
    return answers
