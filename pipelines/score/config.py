"""Settings of `score`."""

import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines.config import JobConfig, Uri
from pipelines.score.days import has_date


class ScoreConfig(JobConfig):
    """One run of `score`."""

    source: Uri = Field(
        description="a dataset, a folder of photos, a .lst file, or a .csv/.parquet table; with date= or from= and "
        "to=, {date} in it stands for the day, as in s3a://photos/{date} or /photos/{date:%Y/%m/%d}"
    )
    model: Uri = Field(description="folder of a model bundle")
    target: Uri = Field(description="folder for predictions and rejects; an earlier result there is replaced")
    trust_code: bool = Field(False, description="run the code of its own that the bundle may bring")
    engine: Literal["auto", "torch", "openvino"] = Field(
        "auto", description="auto is the fastest whose answers agree with torch on the bundle's check batch"
    )
    top_k: int = Field(5, ge=1, description="classes listed for each photo, most likely first")
    batch_size: int = Field(16, ge=1, description="images in one forward pass")
    num_threads: int = Field(1, ge=1, description="threads of a task for the forward pass")
    date: datetime.date | None = Field(
        None,
        description="score one day, as in date=2026-01-15: photos whose path has it, or, without {date} in "
        "source, that were changed on it (UTC). The day's predictions alone are replaced",
    )
    first_day: datetime.date | None = Field(None, alias="from", description="score every day from this one on")
    last_day: datetime.date | None = Field(None, alias="to", description="the last day of from=, which is scored too")

    @model_validator(mode="after")
    def _name_days_once(self) -> Self:
        if (self.first_day is None) != (self.last_day is None):
            raise ValueError("from= and to= belong together; for one day give date=")
        if self.first_day and self.date:
            raise ValueError("give either date= or from= and to=, not both")
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError(f"from={self.first_day} is later than to={self.last_day}")
        if has_date(self.source) and not self.days():
            raise ValueError(f"source={self.source} wants to know the day; give date= or from= and to=")
        return self

    def days(self) -> list[datetime.date]:
        """Return the days of a dated run, in their order; none if the run is not about days."""
        first, last = self.date or self.first_day, self.date or self.last_day
        if first is None or last is None:
            return []
        return [first + datetime.timedelta(days=number) for number in range((last - first).days + 1)]
