"""Settings of `platform` and `platform keys`."""

import shlex
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from pipelines.config import JobConfig, OptionalUri

LOOPBACK = ("127.0.0.1", "localhost")

Folder = Annotated[str, AfterValidator(lambda path: str(Path(path).expanduser().absolute()))]


class PlatformConfig(JobConfig):
    """One run of `platform`."""

    home: Folder = Field(description="folder of this machine with all state: database, keys, logs; made if need be")
    port: int = Field(8080, ge=0, le=65535, description="where the API listens; 0: any that is free")
    host: str = Field("127.0.0.1", description="address to listen on; others than loopback need auth=true")
    auth: bool = Field(True, description="check signatures (AWS SigV4) against `darkroom platform keys`")
    database: str = Field("", description="SQLAlchemy's URL, as in postgresql+psycopg://…; empty: SQLite in home")
    work: OptionalUri = Field(
        "",
        description="folder for datasets and checkpoints of jobs, where the cluster's nodes reach it; empty: in home",
    )
    spark: str = Field("", description="options for spark-submit, as in '--master yarn --queue training'")
    max_jobs: int = Field(2, ge=1, description="jobs that run at once; the others wait")
    pretrained: OptionalUri = Field(
        "", description="folder of weights for use_pretrained_model=1, as resnet50.safetensors or .pth of torchvision"
    )
    ready_made: str = Field(
        "", description="endpoint that answers Rekognition's DetectLabels, see `darkroom ready_made`"
    )
    max_reject_ratio: float = Field(0.01, ge=0, le=1, description="share of unusable photos above which a job fails")
    region: str = Field("us-east-1", description="the region in ARNs")
    account: str = Field("000000000000", pattern="^[0-9]{12}$", description="the account in ARNs")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not self.auth and self.host not in LOOPBACK:
            raise ValueError(f"auth=false would let everyone in who reaches host={self.host}; use 127.0.0.1 or keys")
        if "cluster" in shlex.split(self.spark):
            raise ValueError("the platform follows its jobs' drivers on this machine; use --deploy-mode client")
        return self

    def folder(self, *parts: str) -> Path:
        """Return a folder below home."""
        return Path(self.home, *parts)

    def work_uri(self) -> str:
        """Return the folder for datasets and checkpoints."""
        return self.work or f"file://{self.folder('work')}"

    def database_url(self) -> str:
        """Return SQLAlchemy's URL of the database."""
        return self.database or f"sqlite:///{self.folder('platform.db')}"

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a resource; the kind as ARNs spell it, `training-job`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name}"


class KeysConfig(JobConfig):
    """One run of `platform keys`."""

    home: Folder = Field(description="the platform's folder")
    database: str = Field("", description="as for `platform`")
    create: str = Field("", description="make an access key for this user; its secret is shown this once")
    delete: str = Field("", description="take this access key back")
