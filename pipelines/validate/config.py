"""Settings of `validate`: how rows are parted, and what is run on each part."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipelines.config import JobConfig, OptionalUri, Uri


class FoldsConfig(JobConfig):
    """How the rows of a dataset are parted into folds; `tune` has the same keys."""

    dataset: Uri = Field(description="dataset made by ingest, or for verb=fit a table made by features")
    verb: Literal["train", "fit"] = Field("train", description="what is run on each fold")
    settings: dict[str, Any] = Field(
        {}, description="settings of that verb, as in settings.model=resnet18 settings.epochs=5"
    )
    metric: str = Field(
        "val_accuracy", description="what is measured: val_accuracy, val_loss, or val_NAME of your own metric"
    )
    folds: int = Field(5, ge=2, description="parts of kfold and stratified_kfold")
    holdout_percent: int = Field(20, ge=1, le=90, description="rows that holdout keeps aside")
    repeats: int = Field(1, ge=1, description="times that the rows are parted anew")
    group_by: str = Field("", description="column whose rows of one value stay together, as those of one person")
    groups: OptionalUri = Field(
        "", description=".csv or .parquet table of path and the column group_by; by default the dataset has the column"
    )
    splits: tuple[Literal["train", "val", "test"], ...] = Field(
        ("train", "val"), min_length=1, description="the splits whose rows are parted; the others are not looked at"
    )
    side_by_side: int = Field(1, ge=1, description="runs at once; one of train takes num_processes task slots")
    seed: int = Field(0, description="of the folds")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        given = [key for key in ("dataset", "target", "run_dir") if key in self.settings]
        if given:
            raise ValueError(f"settings.{given[0]} is not yours to give: every run gets its own")
        if self.settings.get("early_stopping"):
            raise ValueError(
                "settings.early_stopping=true would choose the epoch on the rows that measure it; give settings.epochs"
            )
        if self.groups and not self.group_by:
            raise ValueError("groups=… needs group_by=COLUMN")
        return self


class ValidateConfig(FoldsConfig):
    """One run of `validate`."""

    target: Uri = Field(description="folder of validation.json, report.html and the folds")
    method: Literal["holdout", "kfold", "stratified_kfold"] = Field(
        "stratified_kfold", description="holdout keeps a share of each class aside; kfold parts by chance"
    )
    compare: OptionalUri = Field(
        "", description="target of an earlier validate with the same folds: both are compared, fold by fold"
    )
