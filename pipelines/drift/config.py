"""Settings of `drift`."""

import datetime
from typing import Literal

from pydantic import Field

from pipelines.config import JobConfig, OptionalUri, Uri

THRESHOLDS = {"psi": 0.25, "jensen_shannon": 0.1}


class DriftConfig(JobConfig):
    """One run of `drift`."""

    predictions: Uri = Field(description="target of score or score_stream, or a folder of such predictions")
    dataset: Uri = Field(description="the dataset that the model was trained on; its train split is the reference")
    evaluation: OptionalUri = Field(
        "", description="target of evaluate, the reference for confidence; without it confidence is shown, not judged"
    )
    target: Uri = Field(description="folder for report.html and drift.json; earlier ones are replaced")
    measure: Literal["psi", "jensen_shannon"] = Field(
        "psi", description="how far a day is from the reference: population stability index, Jensen-Shannon distance"
    )
    threshold: float | None = Field(
        None,
        gt=0,
        description="a day further away than this has drifted; by default 0.25 of psi, 0.1 of jensen_shannon",
    )
    false_alarms: float = Field(
        0.001, gt=0, lt=1, description="share of days without drift whose small number of photos may look like drift"
    )
    min_images: int = Field(100, ge=1, description="days with fewer photos are shown and not judged")
    judge_days: int = Field(1, ge=1, description="the last so many days decide on the exit code")
    first_day: datetime.date | None = Field(None, alias="from", description="leave out the days before this one")
    last_day: datetime.date | None = Field(None, alias="to", description="leave out the days after this one")

    def limit(self) -> float:
        """Return the threshold of the measure."""
        return self.threshold or THRESHOLDS[self.measure]
