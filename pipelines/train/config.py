"""Settings of `train`."""

from typing import Literal

from pydantic import Field

from pipelines.config import JobConfig, Uri


class TrainConfig(JobConfig):
    """One run of `train`."""

    dataset: Uri = Field(description="dataset made by ingest")
    target: Uri = Field(description="folder of the model bundle; an earlier one is replaced as a whole")
    model: str = Field("resnet18", description="network: a name of torchvision or timm, or package.module:Class")
    epochs: int = Field(10, ge=1, description="passes over the training split")
    batch_size: int = Field(32, ge=1, description="images a step in each process")
    learning_rate: float = Field(0.001, gt=0, description="for one process; multiplied by num_processes")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("adamw", description="sgd has momentum 0.9")
    weight_decay: float = Field(0.0, ge=0, description="of the optimizer")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="of the learning rate after the warm-up")
    warmup_epochs: float = Field(1.0, ge=0, description="the learning rate rises from 0 in these, epochs")
    augmentation: Literal["none", "crop"] = Field("crop", description="crop: random square crops and mirroring")
    image_size: int = Field(224, ge=8, description="side of the network's square input, pixels")
    num_processes: int = Field(2, ge=1, description="Horovod processes, one a task slot")
    num_threads: int = Field(1, ge=1, description="threads of a process for the network")
    checkpoint_seconds: float = Field(300.0, gt=0, description="time between checkpoints, seconds")
    seed: int = Field(0, description="of weights, order and augmentation")
    run_dir: str = Field("", description="folder of checkpoints and metrics, by default TARGET-run")

    def run_uri(self) -> str:
        """Return the folder of checkpoints and metrics."""
        return self.run_dir or f"{self.target}-run"
