"""Settings of `features`."""

from typing import Literal

from pydantic import Field

from pipelines.config import JobConfig, Uri
from pipelines.model.layer_output import Pooling
from pipelines.train.config import WeightsUri


class FeaturesConfig(JobConfig):
    """One run of `features`."""

    source: Uri = Field(description="a dataset, or photos as in score")
    target: Uri = Field(description="folder of the table; an earlier one there is replaced")
    model: str = Field(description="a model bundle; or, with weights, a name of torchvision or timm")
    weights: WeightsUri = Field("", description="of a network by name: a .safetensors or .pth file, or imagenet")
    layer: str = Field(
        "",
        description="the layer whose activations are taken, as in layer3.1; input:NAME for what the layer takes. "
        "By default what the last layer takes",
    )
    pooling: Pooling = Field("mean", description="mean | max | none: what becomes of activations (C, H, W)")
    image_size: int = Field(224, ge=8, description="side of the input, pixels; a bundle brings its own")
    trust_code: bool = Field(False, description="run the code of its own that the bundle may bring")
    engine: Literal["auto", "torch", "openvino"] = Field("auto", description="as in score")
    batch_size: int = Field(16, ge=1, description="images in one forward pass")
    num_threads: int = Field(1, ge=1, description="threads of a task for the forward pass")
