"""Settings of `ingest`."""

from typing import Self

from pydantic import Field, model_validator

from pipelines.config import JobConfig, Uri
from pipelines.images.policy import Policy


class IngestConfig(JobConfig):
    """One run of `ingest`."""

    source: Uri = Field(description="photos: a folder label/photo.jpg, a .lst file, or a .csv/.parquet table")
    target: Uri = Field(description="folder of the dataset; files that it has already are not read again")
    short_side_px: int = Field(256, ge=1, description="photos with a longer short side are made smaller, pixels")
    jpeg_quality: int = Field(90, ge=1, le=100, description="quality of photos that are encoded again, 1 to 100")
    max_pixels: int = Field(178_956_970, ge=1, description="larger images are rejected before decoding, pixels")
    max_bytes: int = Field(64 * 2**20, ge=1, description="larger files are rejected unread, bytes")
    val_percent: int = Field(10, ge=0, le=100, description="share of the validation split, percent")
    test_percent: int = Field(10, ge=0, le=100, description="share of the test split, percent")
    max_reject_ratio: float = Field(0.01, ge=0, le=1, description="share of rejects above which the run fails")
    seed: int = Field(0, description="seed of the row order")

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> Self:
        if self.val_percent + self.test_percent > 100:
            raise ValueError("val_percent and test_percent must not add up to more than 100")
        return self

    def policy(self) -> Policy:
        """Return the part of the settings that decides about pixels."""
        return Policy(**{key: getattr(self, key) for key in Policy.model_fields})
