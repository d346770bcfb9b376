"""Settings of `ready_made`."""

from pydantic import Field

from pipelines.config import JobConfig, Uri


class ReadyMadeConfig(JobConfig):
    """One run of `ready_made`."""

    target: Uri = Field(description="folder for the model bundle; a .tar.gz of it is written beside it")
