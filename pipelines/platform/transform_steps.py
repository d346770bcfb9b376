"""The steps of a transform job: photos and a bundle → one answer a photo, and a list of those without one."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from pipelines import storage
from pipelines.model.bundle import load_bundle
from pipelines.platform.runner import Run

PARQUET = "application/x-parquet"


def transform(run: Run) -> dict[str, Any]:
    """Run the job; return its outcome. Every input has an answer or a line in rejects.jsonl."""
    spec = run.spec
    classes = load_bundle(spec["model"]).info.classes
    run.stage("Transforming", "Scoring the photos")
    settings = {"source": spec["source"], "model": spec["model"], "target": spec["target"], "top_k": len(classes)}
    summary = run.step("score", settings)
    if spec["accept"] != PARQUET:
        run.stage("Uploading", "Writing an answer for each photo")
        _write_answers(spec, classes)
    return {"outcome": "Completed", "summary": {key: summary[key] for key in ("inputs", "predicted", "rejected")}}


def _write_answers(spec: dict[str, Any], classes: tuple[str, ...]) -> None:
    """Write PHOTO.out beside one another, as SageMaker does, and rejects.jsonl where there are rejects."""
    for row in _rows(storage.join(spec["target"], "predictions")):
        confidences = {item["label_name"]: item["confidence"] for item in row["top_k"]}
        answer = {"prediction": [confidences[name] for name in classes]}
        name = _name(row["uri"], spec["source"])
        storage.write_bytes(storage.join(spec["output"], f"{name}.out"), json.dumps(answer).encode())
    rejects = [
        {"file": _name(row["uri"], spec["source"]), "reason": row["reason"], "message": row["message"]}
        for row in _rows(storage.join(spec["target"], "rejects"))
    ]
    if rejects:
        lines = "".join(json.dumps(reject, ensure_ascii=False) + "\n" for reject in rejects)
        storage.write_bytes(storage.join(spec["output"], "rejects.jsonl"), lines.encode())


def _rows(table: str) -> Iterator[dict[str, Any]]:
    for name in storage.names(table):
        if name.endswith(".parquet"):
            yield from pq.read_table(io.BytesIO(storage.read_bytes(storage.join(table, name)))).to_pylist()


def _name(uri: str, source: str) -> str:
    """Return a photo's path below the source, or its whole path if it lies elsewhere."""
    folder = source if not source.rpartition("/")[2].count(".") else source.rpartition("/")[0]
    return uri.removeprefix(f"{folder}/") if uri.startswith(f"{folder}/") else uri.partition("://")[2].lstrip("/")
