"""Settings of `train`."""

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipelines import storage
from pipelines.config import JobConfig, OptionalUri, Uri
from pipelines.model.code import absolute, is_own


def _weights_uri(weights: str) -> str:
    return weights if weights in ("", "imagenet") else storage.absolute(weights)


WeightsUri = Annotated[str, AfterValidator(_weights_uri)]


def _one_of(*names: str) -> AfterValidator:
    """Take one of the names, or the user's own code."""

    def check(name: str) -> str:
        if name in names or is_own(name):
            return absolute(name)
        near = "".join(f"did you mean {other}? " for other in difflib.get_close_matches(name, names, n=1))
        raise ValueError(f"{near}known are {', '.join(filter(None, names))}, FILE.py:NAME and MODULE:NAME")

    return AfterValidator(check)


class TrainConfig(JobConfig):
    """One run of `train`."""

    dataset: Uri = Field(description="dataset made by ingest")
    target: Uri = Field(description="folder of the model bundle; an earlier one is replaced as a whole")
    model: Annotated[str, AfterValidator(absolute)] = Field(
        "resnet18", description="network: a name of torchvision or timm, or your own, FILE.py:CLASS or MODULE:CLASS"
    )
    model_args: dict[str, Any] = Field({}, description="arguments of the network, as in model_args.width=64")
    weights: WeightsUri = Field(
        "",
        description="start from a bundle, a .safetensors or .pth file of the same network, or imagenet "
        "(model=tf_efficientnet_lite0); empty for random weights. The last layer is made new for other classes",
    )
    freeze_backbone: bool = Field(False, description="train the last layer alone")
    epochs: int = Field(10, ge=1, description="passes over the training split")
    batch_size: int = Field(32, ge=1, description="images a step in each process")
    learning_rate: float = Field(0.001, gt=0, description="peak of the learning rate, for one process")
    scale_learning_rate: bool = Field(True, description="multiply learning_rate by num_processes")
    loss: Annotated[str, _one_of("cross_entropy")] = Field(
        "cross_entropy", description="cross_entropy, or your own: (logits, labels) to one loss a row"
    )
    loss_args: dict[str, Any] = Field({}, description="arguments of the loss, as in loss_args.label_smoothing=0.1")
    metric: Annotated[str, _one_of("")] = Field(
        "", description="your own figure of the val split: (labels, probabilities) to a number, or several by name"
    )
    metric_args: dict[str, Any] = Field({}, description="arguments of your own metric")
    optimizer: Annotated[str, _one_of("sgd", "adam", "adamw", "rmsprop")] = Field(
        "adamw", description="sgd | adam | adamw | rmsprop, or your own torch.optim.Optimizer"
    )
    optimizer_args: dict[str, Any] = Field({}, description="more arguments of it, as in optimizer_args.nesterov=true")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(0.0, ge=0, description="of the optimizer")
    schedule: Literal["constant", "step", "cosine"] = Field("cosine", description="learning rate after the warm-up")
    warmup_epochs: float = Field(1.0, ge=0, description="the learning rate rises from 0 in these, epochs")
    step_epochs: tuple[int, ...] = Field((), description="schedule=step: epochs at which the rate falls, as in [5,8]")
    step_factor: float = Field(0.1, gt=0, lt=1, description="schedule=step: what the rate is multiplied by")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: a class counts in the loss as if all had as many photos"
    )
    augmentation: Annotated[str, _one_of("none", "crop", "crop_color", "crop_color_transform")] = Field(
        "crop",
        description="none | crop | crop_color | crop_color_transform: random square crops and mirroring; also colours; "
        "also rotation, shear and aspect. Or your own: (pixels, random) to pixels",
    )
    augmentation_args: dict[str, Any] = Field({}, description="arguments of your own augmentation")
    image_size: int = Field(224, ge=8, description="side of the network's square input, pixels")
    early_stopping: bool = Field(False, description="stop when validation stands still, keep the best epoch")
    early_stopping_min_epochs: int = Field(5, ge=1, description="epochs before early stopping may happen")
    early_stopping_patience: int = Field(3, ge=1, description="epochs without a better val_accuracy until the stop")
    early_stopping_tolerance: float = Field(0.0, ge=0, description="what val_accuracy must gain to count as better")
    max_runtime_seconds: float = Field(
        0.0, ge=0, description="stop and save the model after this time of training, restarts included; 0: no limit"
    )
    num_processes: int = Field(2, ge=1, description="Horovod processes, one a task slot")
    num_threads: int = Field(1, ge=1, description="threads of a process for the network, and as many for decoding")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: the network computes in it, where CPU or GPU has it; weights stay float32"
    )
    gradient_compression: Literal["none", "fp16"] = Field("none", description="how gradients travel between processes")
    backward_passes_per_step: int = Field(
        1, ge=1, description="batches of a process whose gradients are added up before they are exchanged for a step"
    )
    tensor_fusion_mib: int = Field(25, ge=0, description="gradients sent together, MiB; 0: each alone")
    tensor_fusion_ms: float = Field(
        10.0, gt=0, description="time between looks at what is to be sent, milliseconds; less for short steps"
    )
    checkpoint_seconds: float = Field(300.0, gt=0, description="time between checkpoints, seconds")
    max_restarts: int = Field(2, ge=0, description="times that lost processes are started again from the checkpoint")
    restart_on_new_data: bool = Field(
        False,
        description="start over where the dataset has changed under a run that has not ended; one that has ended "
        "starts over anyway",
    )
    seed: int = Field(0, description="of weights, order and augmentation")
    run_dir: OptionalUri = Field("", description="folder of checkpoints and metrics, by default TARGET-run")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.schedule == "step") != bool(self.step_epochs):
            raise ValueError("schedule=step and step_epochs=[…] belong together; give both or neither")
        if self.freeze_backbone and not self.weights:
            raise ValueError("freeze_backbone=true would train the last layer on random features; give weights=…")
        for part in ("augmentation", "metric"):
            if getattr(self, f"{part}_args") and not is_own(getattr(self, part)):
                raise ValueError(f"{part}_args are for your own {part}; give {part}=FILE.py:NAME too")
        return self

    def run_uri(self) -> str:
        """Return the folder of checkpoints and metrics."""
        return self.run_dir or f"{self.target}-run"
