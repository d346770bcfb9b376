"""What the executors have scored becomes predictions and rejects; every row is one of them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.score.predict import _ARROW
from pipelines.score.run import PREDICTION_COLUMNS
from pipelines.stream.part import part

SCHEMA = pa.schema([*_ARROW, ("key", pa.string())], metadata={"org.apache.spark.sql.parquet.row.metadata": "all"})


def prediction(number: int) -> dict[str, Any]:
    top = [{"label_name": "red", "confidence": 1.0}]
    return {"image_id": f"{number}", "uri": f"u{number}", "label_name": "red", "confidence": 1.0, "top_k": top}


def reject(number: int, reason: str) -> dict[str, Any]:
    return {"uri": f"u{number}", "reason": reason, "message": "no", "bytes": b"?", "key": "k"}


def write(folder: Path, *tasks: list[dict[str, Any]]) -> str:
    (folder / "_scored").mkdir()
    (folder / "_scored" / "_SUCCESS").touch()
    for number, rows in enumerate(tasks):
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "_scored" / f"part-{number}.parquet")
    return f"file://{folder}"


def test_every_row_is_a_prediction_or_a_reject(tmp_path: Path) -> None:
    staging = write(tmp_path, [prediction(0), reject(1, "empty")], [prediction(2)], [reject(3, "empty")], [])
    assert part(f"{staging}/_scored", staging, ("key",)) == (2, {"empty": 2})
    predictions, rejects = (pq.read_table(tmp_path / name) for name in ("predictions", "rejects"))
    assert predictions["uri"].to_pylist() == ["u0", "u2"] and rejects["uri"].to_pylist() == ["u1", "u3"]
    assert predictions.column_names == [*PREDICTION_COLUMNS, "key"]
    assert rejects.column_names == ["uri", "reason", "message", "bytes", "key"]


def test_what_spark_said_of_other_columns_is_not_handed_on(tmp_path: Path) -> None:
    staging = write(tmp_path, [prediction(0)])
    part(f"{staging}/_scored", staging, ())
    assert pq.read_schema(tmp_path / "predictions" / "part-00000.parquet").metadata is None


def test_rejects_alone_leave_no_folder_of_predictions(tmp_path: Path) -> None:
    staging = write(tmp_path, [reject(0, "no_uri"), reject(1, "empty")])
    assert part(f"{staging}/_scored", staging, ()) == (0, {"no_uri": 1, "empty": 1})
    assert not (tmp_path / "predictions").exists()
