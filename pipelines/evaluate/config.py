"""Settings of `evaluate`."""

from typing import Literal

from pydantic import Field

from pipelines.config import JobConfig, Uri


class EvaluateConfig(JobConfig):
    """One run of `evaluate`."""

    dataset: Uri = Field(description="dataset made by ingest")
    model: Uri = Field(description="folder of a model bundle")
    target: Uri = Field(description="folder for metrics.json, report.html and predictions")
    split: Literal["train", "val", "test"] = Field("test", description="the split to measure on")
    trust_code: bool = Field(False, description="run the code of its own that the bundle may bring")
    engine: Literal["auto", "torch", "openvino"] = Field("auto", description="as in score")
    num_mistakes: int = Field(24, ge=0, description="most confident mistakes shown in the report")
    min_accuracy: float = Field(0.0, ge=0, le=1, description="below it the exit code is 3, so that a schedule stops")
