"""Part what the executors have scored into predictions and rejects: on the driver, which costs no job of Spark.

The rows are small, but for the bytes of rejects; these are in memory for one task's rows at a time.
"""

import io
from collections import Counter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.score.run import PREDICTION_COLUMNS

REJECT_COLUMNS = ("uri", "reason", "message", "bytes")


class Parted(NamedTuple):
    """How many predictions were written, and how many rejects by their reason."""

    predicted: int
    reasons: dict[str, int]


def part(scored: str, staging: str, keep: tuple[str, ...]) -> Parted:
    """Write STAGING/predictions as one file, and STAGING/rejects, from the rows in the folder `scored`.

    `keep` are the columns that both have besides their own.
    """
    predictions, reasons = list[pa.Table](), Counter[str]()
    files = [entry.uri for entry in storage.entries(scored) if entry.uri.endswith(".parquet")]
    for number, uri in enumerate(files):
        rows = pq.read_table(io.BytesIO(storage.read_bytes(uri)))
        is_reject = pc.is_valid(rows["reason"])
        predictions.append(rows.filter(pc.invert(is_reject)).select([*PREDICTION_COLUMNS, *keep]))
        rejects = rows.filter(is_reject).select([*REJECT_COLUMNS, *keep])
        reasons.update(rejects["reason"].to_pylist())
        _write(rejects, storage.join(staging, "rejects", f"part-{number:05d}.parquet"))
    together = pa.concat_tables(predictions)
    _write(together, storage.join(staging, "predictions", "part-00000.parquet"))
    return Parted(together.num_rows, dict(reasons))


def _write(rows: pa.Table, uri: str) -> None:
    if rows.num_rows:
        content = io.BytesIO()
        pq.write_table(rows.replace_schema_metadata(None), content)  # Spark's own description names other columns
        storage.write_bytes(uri, content.getvalue())
