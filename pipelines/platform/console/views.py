"""What the console's pages show, and what its form asks for."""

import datetime
import json
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from pipelines.platform.config import PlatformConfig
from pipelines.platform.console.curves import plots
from pipelines.platform.logs import log_file
from pipelines.platform.tables import TrainingJob

LOG_BYTES = 16 * 2**10
ROLE = "arn:aws:iam::000000000000:role/console"


class List(NamedTuple):
    """A list: the operation that has it, the member of its answer, how names in it begin, and its title."""

    operation: str
    member: str
    prefix: str
    title: str

    def row(self, item: dict[str, Any]) -> dict[str, str]:
        """Return one line of the table."""
        since = datetime.datetime.fromtimestamp(item["CreationTime"], datetime.UTC)
        best = item.get("TrainingJobStatusCounters", {}).get("Completed")
        return {
            "name": item[f"{self.prefix}Name"],
            "status": item.get("SecondaryStatus") or item[f"{self.prefix}Status"],
            "since": since.strftime("%Y-%m-%d %H:%M UTC"),
            "note": f"{best} trainings completed" if best is not None else "",
        }


LISTS = {
    "training": List("ListTrainingJobs", "TrainingJobSummaries", "TrainingJob", "Training jobs"),
    "tuning": List(
        "ListHyperParameterTuningJobs", "HyperParameterTuningJobSummaries", "HyperParameterTuningJob", "Tuning jobs"
    ),
    "endpoints": List("ListEndpoints", "Endpoints", "Endpoint", "Endpoints"),
}


class Field(NamedTuple):
    """One line of the form."""

    name: str
    label: str
    value: str = ""
    required: bool = True


FIELDS = (
    Field("name", "Name of the job"),
    Field(
        "train", "Photos to train on: a folder label/photo.jpg, a .lst file, or a dataset (s3://, hdfs://, file:///)"
    ),
    Field("validation", "Photos to validate with; empty: a tenth of those", required=False),
    Field("output", "Folder for the model"),
    Field("num_classes", "Classes"),
    Field("num_training_samples", "Photos to train on, about", "1000"),
    Field("num_layers", "Layers of the ResNet", "18"),
    Field("image_shape", "Image shape", "3,224,224"),
    Field("epochs", "Epochs", "10"),
    Field("learning_rate", "Learning rate", "0.01"),
    Field("processes", "Processes", "1"),
)
_NOT_HYPERPARAMETERS = ("name", "train", "validation", "output", "processes", "more")


def request_of(values: dict[str, str]) -> dict[str, Any]:
    """Return the CreateTrainingJob request that a filled form means."""
    pairs = [line.partition("=") for line in values.get("more", "").splitlines() if line.strip()]
    hyperparameters = {key: value for key, value in values.items() if key not in _NOT_HYPERPARAMETERS}
    hyperparameters |= {key.strip(): value.strip() for key, _, value in pairs}
    channels = [
        {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": values[name]}}}
        for name in ("train", "validation")
        if values.get(name)
    ]
    processes = values.get("processes", "1")
    return {
        "TrainingJobName": values.get("name", ""),
        "AlgorithmSpecification": {"TrainingImage": "image-classification", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": hyperparameters,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": values.get("output", "")},
        "ResourceConfig": {"InstanceCount": int(processes) if processes.isdigit() else 0},
    }


def training(session: Session, config: PlatformConfig, name: str) -> dict[str, Any]:
    """Return what a training's page shows besides what the API says: curves, the end of the log, settings."""
    job = session.get_one(TrainingJob, name)
    return {
        "plots": plots(job.metrics),
        "log": _end_of_log(config, name),
        "settings": json.dumps(job.request["HyperParameters"], indent=2),
    }


def _end_of_log(config: PlatformConfig, name: str) -> str:
    file = log_file(config, "training", name)
    if not file.exists():
        return "nothing yet"
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - LOG_BYTES))
        return log.read().decode(errors="replace")
