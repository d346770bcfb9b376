"""What the tasks have scored becomes predictions and rejects; every row is one of them."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Row

from pipelines.score.predict import ModelUse
from pipelines.score.run import PREDICTION_COLUMNS
from pipelines.stream.share import gather, score_share
from tests.bundles import write_bundle
from tests.photos import write_photos

DAY = datetime.date(2026, 3, 2)
NOON = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
WHEN = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema([("uri", pa.string()), ("image", pa.binary()), ("date", pa.date32()), ("timestamp", WHEN)])


@pytest.fixture(scope="module")
def use(tmp_path_factory: pytest.TempPathFactory) -> ModelUse:
    return ModelUse(write_bundle(tmp_path_factory.mktemp("bundle") / "model"), "torch")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = write_photos(tmp_path_factory.mktemp("photos"), 1, classes=("red",))
    return next(folder.rglob("*.jpg")).read_bytes()


def rows(first: int, *contents: bytes) -> pa.RecordBatch:
    """Number the rows' URIs and seconds after noon from `first` on."""
    made = [
        {"uri": f"u{number}", "image": content, "date": DAY, "timestamp": NOON + datetime.timedelta(seconds=number)}
        for number, content in enumerate(contents, first)
    ]
    return pa.RecordBatch.from_pylist(made, schema=SCHEMA)


def share(use: ModelUse, folder: Path, *batches: pa.RecordBatch) -> Iterator[Row]:
    """Score a task's rows as Spark has it done."""
    for answer in score_share(iter(batches), use, ("timestamp",), f"file://{folder}/_scored"):
        for row in answer.to_pylist():
            yield Row(**row)


def uris(folder: Path, table: str) -> list[str]:
    found: list[str] = pq.read_table(folder / table)["uri"].to_pylist() if (folder / table).exists() else []
    return found


def test_every_row_is_a_prediction_or_a_reject(use: ModelUse, photo: bytes, tmp_path: Path) -> None:
    shares = [
        *share(use, tmp_path, rows(0, photo, b"", photo), rows(3, b"no photo")),
        *share(use, tmp_path, rows(4, b"")),
        *share(use, tmp_path),
        *share(use, tmp_path, rows(5, photo)),
    ]
    facts: dict[str, Any] = gather(shares, f"file://{tmp_path}")
    assert [facts[key] for key in ("inputs", "predicted", "rejected")] == [6, 3, 3]
    assert facts["reasons"] == {"empty": 2, "not_an_image": 1}
    assert uris(tmp_path, "predictions") == ["u0", "u2", "u5"] and uris(tmp_path, "rejects") == ["u1", "u3", "u4"]
    assert pq.read_schema(tmp_path / "predictions" / "part-00000.parquet").names == [*PREDICTION_COLUMNS, "timestamp"]


def test_a_batch_tells_its_day_and_its_newest_photo(use: ModelUse, photo: bytes, tmp_path: Path) -> None:
    shares = [*share(use, tmp_path, rows(7, photo), rows(9, photo)), *share(use, tmp_path, rows(8, b""))]
    facts = gather(shares, f"file://{tmp_path}")
    assert (facts["date"], facts["last_timestamp"]) == ("2026-03-02", "2026-03-02T12:00:09.000Z")


def test_a_task_that_is_run_twice_leaves_one_of_its_files(use: ModelUse, tmp_path: Path) -> None:
    lost, kept = [*share(use, tmp_path, rows(0, b"")), *share(use, tmp_path, rows(0, b""))]
    assert lost["rejects"] != kept["rejects"]
    gather([kept], f"file://{tmp_path}")
    assert uris(tmp_path, "rejects") == ["u0"]


def test_rejects_alone_leave_no_folder_of_predictions(use: ModelUse, tmp_path: Path) -> None:
    gather([*share(use, tmp_path, rows(0, b"", b"?"))], f"file://{tmp_path}")
    assert not (tmp_path / "predictions").exists() and len(uris(tmp_path, "rejects")) == 2
