"""Settings of `tune`: what is searched, how, and how each trial is measured."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipelines.config import Uri
from pipelines.validate.config import FoldsConfig

OF_FOLDS = ("folds", "holdout_percent", "repeats", "group_by", "groups", "splits")


class TuneConfig(FoldsConfig):
    """One run of `tune`."""

    target: Uri = Field(description="folder of best.yaml, report.html and tuning.json")
    space: dict[str, Any] = Field(
        min_length=1,
        description="settings to search: a list, space.optimizer=[sgd,adamw], or a range of numbers, "
        "space.learning_rate.low=0.0001 space.learning_rate.high=0.1, with .log=true or .step=…",
    )
    search: Literal["grid", "random", "bayesian"] = Field(
        "bayesian",
        description="grid tries all combinations of lists and of ranges with a step; bayesian (TPE) learns from the "
        "trials before",
    )
    num_trials: int = Field(20, ge=1, description="trials of random and bayesian; more of them go on with the search")
    direction: Literal["auto", "maximize", "minimize"] = Field(
        "auto", description="what is better; auto minimizes a metric whose name ends in loss, and maximizes others"
    )
    method: Literal["split", "holdout", "kfold", "stratified_kfold"] = Field(
        "split", description="split measures on the dataset's own val split; the others are those of validate"
    )
    pruner: Literal["none", "median", "hyperband"] = Field(
        "median",
        description="ends bad trials after an epoch of their first run, or after a run: median those below the median "
        "of the others at the same point",
    )
    prune_after_trials: int = Field(5, ge=1, description="of median: trials that must have ended before")
    side_by_side: int = Field(1, ge=1, description="trials at once; one of train takes num_processes task slots")
    slots: int = Field(0, ge=0, description="task slots that the trials may take together; 0: all that Spark has")
    seed: int = Field(0, description="of the folds and of the search")

    @model_validator(mode="after")
    def _search_together(self) -> Self:
        if self.method == "split":
            for key in OF_FOLDS:
                if key in self.model_fields_set:
                    raise ValueError(
                        f"{key} parts rows into folds, but method=split measures on the dataset's own val split; "
                        "give method=stratified_kfold, kfold or holdout"
                    )
        if self.search == "grid" and "num_trials" in self.model_fields_set:
            raise ValueError("num_trials is of random and bayesian; search=grid tries all combinations")
        return self

    def run_uri(self) -> str:
        """Return the folder of what goes on: the journal of trials, folds and the trials' own runs."""
        return f"{self.target}-run"

    def maximizes(self) -> bool:
        """Say whether more of the metric is better."""
        if self.direction == "auto":
            return not self.metric.endswith("loss")
        return self.direction == "maximize"
