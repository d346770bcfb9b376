"""Settings of `serve`."""

from typing import Literal

from pydantic import Field

from pipelines.config import JobConfig, Uri


class ServeConfig(JobConfig):
    """One running endpoint."""

    model: Uri = Field(description="a model bundle: its folder, its .tar.gz, or a name as in models/x@production")
    follow_seconds: float = Field(
        10, gt=0, description="how often a name is looked up: what was promoted to it answers without a restart"
    )
    trust_code: bool = Field(False, description="run the code of its own that the bundle may bring")
    host: str = Field("127.0.0.1", description="address to listen on; other machines reach 0.0.0.0, nobody signs in")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: int = Field(1, ge=1, description="processes that share the port, each with a model of its own")
    engine: Literal["auto", "torch", "openvino"] = Field("auto", description="as in score")
    num_threads: int = Field(0, ge=0, description="threads of a forward pass; 0 shares the cores among the workers")
    top_k: int = Field(5, ge=1, description="classes listed for each image, most likely first")
    answer: Literal["labels", "probabilities"] = Field(
        "labels",
        description="what is answered where Accept does not say verbose: named labels, or all probabilities in the "
        "order of the classes, as SageMaker's image classification does",
    )
    page: bool = Field(True, description="a page at / for trying the model out")
    max_batch: int = Field(16, ge=1, description="images in one forward pass")
    max_delay_ms: float = Field(
        5, ge=0, description="how long a batch waits for images that are being decoded; a lone one never waits"
    )
    max_queue: int = Field(256, ge=1, description="images in work at once for each worker; more are refused with 429")
    max_body_bytes: int = Field(25 * 2**20, ge=1, description="a larger body is refused with 413")
    max_held_bytes: int = Field(512 * 2**20, ge=1, description="bodies held at once; more are refused with 429")
    timeout_seconds: float = Field(30, gt=0, description="from a request's first byte to its answer; then 504")
