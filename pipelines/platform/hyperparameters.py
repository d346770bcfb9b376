"""The hyperparameters of SageMaker's image-classification algorithm, and what they mean for `train`.

Names, ranges and defaults: https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html
"""

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pipelines.platform.errors import refused

LARGE_RESNETS = {
    18: "resnet18",
    34: "resnet34",
    50: "resnet50",
    101: "resnet101",
    152: "resnet152",
    200: "timm/resnet200",
}
SMALL_RESNETS = {depth: f"small_resnet{depth}" for depth in (20, 32, 44, 56, 110)}
SMALL_SIDE_PX = 28  # as wide as images of the small networks may be

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


def _side(shape: str) -> str:
    parts = shape.replace(" ", "").split(",")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise ValueError("must be channels, height and width, as in 3,224,224")
    if parts[0] != "3":
        raise ValueError("must have 3 channels; gray photos become RGB when they are read")
    if parts[1] != parts[2] or int(parts[1]) < 8:
        raise ValueError("must be a square of at least 8 pixels, as in 3,224,224")
    return ",".join(parts)


def _truth(text: Any) -> Any:
    return {"true": True, "false": False, "1": True, "0": False}.get(str(text).lower(), text)


def _whole(text: Any) -> Any:
    return int(text) if isinstance(text, str) and text.isdigit() else text


def _epochs(text: Any) -> Any:
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


Flag = Annotated[bool, BeforeValidator(_truth)]


class Hyperparameters(BaseModel):
    """SageMaker's, as strings in a request; `network` is darkroom's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    num_classes: Positive
    num_training_samples: Positive
    num_layers: Annotated[Literal[18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110], BeforeValidator(_whole)] = 152
    image_shape: Annotated[str, AfterValidator(_side)] = "3,224,224"
    resize: Positive | None = None
    epochs: Positive = 30
    mini_batch_size: Positive = 32
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    lr_scheduler_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    lr_scheduler_step: Annotated[tuple[Positive, ...], BeforeValidator(_epochs)] = ()
    optimizer: Literal["sgd", "adam", "rmsprop", "nag"] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Share = 0.0001
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-8
    gamma: Share = 0.9
    augmentation_type: Literal["crop", "crop_color", "crop_color_transform"] | None = None
    use_pretrained_model: Flag = False
    use_weighted_loss: Flag = False
    early_stopping: Flag = False
    early_stopping_min_epochs: Positive = 10
    early_stopping_patience: Positive = 5
    early_stopping_tolerance: Annotated[float, Field(ge=0)] = 0.0
    top_k: Annotated[int, Field(ge=2)] | None = None
    checkpoint_frequency: Positive | None = None
    kv_store: Literal["dist_sync", "dist_async"] = "dist_sync"
    precision_dtype: Literal["float32", "float16"] = "float32"
    multi_label: Annotated[Literal[False], BeforeValidator(_truth)] = False
    network: str = ""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.num_layers in SMALL_RESNETS and not self.network and self.image_size() > SMALL_SIDE_PX:
            raise ValueError(
                f"num_layers={self.num_layers} is for images of at most 3,{SMALL_SIDE_PX},{SMALL_SIDE_PX}; "
                f"choose num_layers from {sorted(LARGE_RESNETS)}, or a smaller image_shape"
            )
        if self.checkpoint_frequency and self.checkpoint_frequency > self.epochs:
            raise ValueError(f"checkpoint_frequency must not be larger than epochs={self.epochs}")
        if self.top_k and self.top_k > self.num_classes:
            raise ValueError(f"top_k must not be larger than num_classes={self.num_classes}")
        return self

    def image_size(self) -> int:
        """Return the side of the network's input, pixels."""
        return int(self.image_shape.split(",")[1])

    def model(self) -> str:
        """Return the network as `train` names it."""
        return self.network or {**LARGE_RESNETS, **SMALL_RESNETS}[self.num_layers]

    def train_words(self) -> dict[str, Any]:
        """Return the settings of `train` that follow from these."""
        words: dict[str, Any] = {
            "model": self.model(),
            "image_size": self.image_size(),
            "epochs": self.epochs,
            "batch_size": self.mini_batch_size,
            "learning_rate": self.learning_rate,
            "scale_learning_rate": False,
            "warmup_epochs": 0,
            "momentum": self.momentum,
            **self._optimizer_words(),
            "schedule": "constant",
            "augmentation": self.augmentation_type or "none",
            "class_weights": "balanced" if self.use_weighted_loss else "none",
            "early_stopping": self.early_stopping,
            "early_stopping_min_epochs": self.early_stopping_min_epochs,
            "early_stopping_patience": self.early_stopping_patience,
            "early_stopping_tolerance": self.early_stopping_tolerance,
        }
        if self.top_k:
            words |= {"metric": "pipelines.train.top_k:TopK", "metric_args": {"k": self.top_k}}
        if self.lr_scheduler_step:
            steps = list(self.lr_scheduler_step)
            words |= {"schedule": "step", "step_epochs": steps, "step_factor": self.lr_scheduler_factor}
        return words

    def _optimizer_words(self) -> dict[str, Any]:
        """Weight decay is of sgd and nag alone, as in SageMaker."""
        if self.optimizer == "adam":
            return {"optimizer": "adam", "optimizer_args": {"betas": [self.beta_1, self.beta_2], "eps": self.eps}}
        if self.optimizer == "rmsprop":
            return {"optimizer": "rmsprop", "optimizer_args": {"alpha": self.gamma, "eps": self.eps}}
        nesterov = self.optimizer == "nag" and self.momentum > 0
        return {"optimizer": "sgd", "weight_decay": self.weight_decay, "optimizer_args": {"nesterov": nesterov}}


def parse(hyperparameters: dict[str, str]) -> Hyperparameters:
    """Read a request's hyperparameters.

    Raises:
        ApiError: ValidationException; it names every one that is wrong.
    """
    try:
        return Hyperparameters.model_validate({key: value.strip() for key, value in hyperparameters.items()})
    except ValidationError as error:
        raise refused("; ".join(_explain(problem) for problem in error.errors())) from error


def _explain(problem: Any) -> str:
    key = str(problem["loc"][0]) if problem["loc"] else ""
    known = list(Hyperparameters.model_fields)
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known ones: {', '.join(known)}"
        return f"hyperparameter {key} is unknown; {hint}"
    if problem["type"] == "missing":
        return f"hyperparameter {key} is required"
    if key == "multi_label":
        return "hyperparameter multi_label: a photo has one label here; leave it out, or give 0"
    message = problem["msg"].removeprefix("Value error, ")
    return f"hyperparameter {key}={problem['input']!r}: {message}" if key else f"hyperparameters: {message}"
