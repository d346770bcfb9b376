"""Score a batch in shares, one a task: predictions go back to the driver, rejects lie aside where the task wrote them.

One job of Spark without any write of its own is all that a batch costs.
"""

import functools
import io
import json
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Row

from pipelines import storage
from pipelines.score.predict import ModelUse, score_batches
from pipelines.score.run import PREDICTION_COLUMNS

REJECT_COLUMNS = ("uri", "reason", "message", "bytes")
SHARE_SCHEMA = (
    "inputs long, date string, last_timestamp string, listing long, reasons string, predictions binary, rejects string"
)
_ARROW = pa.schema(
    [
        ("inputs", pa.int64()),
        ("date", pa.string()),
        ("last_timestamp", pa.string()),
        ("listing", pa.int64()),
        ("reasons", pa.string()),
        ("predictions", pa.binary()),
        ("rejects", pa.string()),
    ]
)


def score_shares(rows: DataFrame, use: ModelUse, keep: tuple[str, ...], aside: str) -> list[Row]:
    """Score a batch; return a row a task, of SHARE_SCHEMA. Files of rejects are written to the folder `aside`."""
    run = functools.partial(score_share, use=use, keep=keep, aside=aside)
    return rows.mapInArrow(run, SHARE_SCHEMA).collect()


def score_share(
    batches: Iterator[pa.RecordBatch], use: ModelUse, keep: tuple[str, ...], aside: str
) -> Iterator[pa.RecordBatch]:
    """Score the rows of one task; yield one row, or none for no rows.

    Inputs are counted as Spark hands them over. Every attempt has a file of rejects of its own.
    """
    share: dict[str, Any] = {"inputs": 0, "last_timestamp": ""}
    predictions, reasons = list[pa.RecordBatch](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        file, writer = Path(folder) / "rejects.parquet", None
        for scored in score_batches(_noted(batches, share), use, keep):
            is_reject = pc.is_valid(scored["reason"])
            predictions.append(scored.filter(pc.invert(is_reject)).select([*PREDICTION_COLUMNS, *keep]))
            rejects = scored.filter(is_reject).select([*REJECT_COLUMNS, *keep])
            if rejects.num_rows:
                writer = writer or pq.ParquetWriter(file, rejects.schema)
                writer.write_batch(rejects)
                reasons.update(rejects["reason"].to_pylist())
        if writer:
            writer.close()
            share["rejects"] = storage.join(aside, f"{uuid.uuid4().hex}.parquet")
            storage.put_file(file, share["rejects"])
    if share["inputs"]:
        share |= {"reasons": json.dumps(reasons), "predictions": _pack(predictions)}
        yield pa.RecordBatch.from_pylist([share], schema=_ARROW)


def _noted(batches: Iterator[pa.RecordBatch], share: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """Take note of what the record of a batch says about its inputs; the date is that of the batch's planning."""
    for batch in batches:
        if batch.num_rows:
            share["inputs"] += batch.num_rows
            share["date"] = batch["date"][0].as_py().isoformat()
            last = pc.max(batch["timestamp"]).as_py().isoformat(timespec="milliseconds").replace("+00:00", "Z")
            share["last_timestamp"] = max(share["last_timestamp"], last)
            if "listing" in batch.schema.names:
                share["listing"] = pc.max(batch["listing"]).as_py()
        yield batch


def _pack(predictions: list[pa.RecordBatch]) -> bytes:
    packed = io.BytesIO()
    with pa.ipc.new_stream(packed, predictions[0].schema) as stream:
        for batch in predictions:
            stream.write_batch(batch)
    return packed.getvalue()


def gather(shares: Sequence[Row], staging: str) -> dict[str, Any]:
    """Write STAGING/predictions, as one file, and STAGING/rejects; return what a batch's record says of its photos."""
    packed = [pa.ipc.open_stream(share["predictions"]).read_all() for share in shares]
    predictions, reasons = pa.concat_tables(packed), Counter[str]()
    if predictions.num_rows:
        content = io.BytesIO()
        pq.write_table(predictions, content)
        storage.write_bytes(storage.join(staging, "predictions", "part-00000.parquet"), content.getvalue())
    for number, share in enumerate(shares):
        reasons.update(json.loads(share["reasons"]))
        if share["rejects"]:
            storage.replace(share["rejects"], storage.join(staging, "rejects", f"part-{number:05d}.parquet"))
    listings = [share["listing"] for share in shares if share["listing"] is not None]
    return {
        "date": shares[0]["date"],
        "last_timestamp": max(share["last_timestamp"] for share in shares),
        **({"listing": max(listings)} if listings else {}),
        "inputs": sum(share["inputs"] for share in shares),
        "predicted": predictions.num_rows,
        "rejected": reasons.total(),
        "reasons": dict(reasons),
    }
