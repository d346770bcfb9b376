"""Settings of `doctor`."""

from pydantic import Field

from pipelines.config import JobConfig, Uri


class DoctorConfig(JobConfig):
    """One run of `doctor`."""

    read: tuple[Uri, ...] = Field((), description="files or folders that jobs will read, as in [hdfs:///photos]")
    write: tuple[Uri, ...] = Field((), description="folders that jobs will write to; a small file is tried there")
    max_clock_skew_seconds: float = Field(5.0, gt=0, description="difference of clocks between driver and executors")
