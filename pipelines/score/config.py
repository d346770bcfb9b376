"""Settings of `score`."""

from typing import Literal

from pydantic import Field

from pipelines.config import JobConfig, Uri


class ScoreConfig(JobConfig):
    """One run of `score`."""

    source: Uri = Field(description="a dataset, a folder of photos, a .lst file, or a .csv/.parquet table")
    model: Uri = Field(description="folder of a model bundle")
    target: Uri = Field(description="folder for predictions and rejects; an earlier result there is replaced")
    trust_code: bool = Field(False, description="run the code of its own that the bundle may bring")
    engine: Literal["auto", "torch", "openvino"] = Field(
        "auto", description="auto is the fastest whose answers agree with torch on the bundle's check batch"
    )
    top_k: int = Field(5, ge=1, description="classes listed for each photo, most likely first")
    batch_size: int = Field(16, ge=1, description="images in one forward pass")
    num_threads: int = Field(1, ge=1, description="threads of a task for the forward pass")
