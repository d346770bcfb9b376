"""Settings of `package`."""

from pydantic import Field

from pipelines.config import JobConfig, Uri


class PackageConfig(JobConfig):
    """One run of `package`."""

    target: Uri = Field(description="folder for environment.tar.gz and spark-jars.zip, as in hdfs:///darkroom")
    extras: tuple[str, ...] = Field(("s3",), description="extras of darkroom to pack, as in [s3,mlflow]")
    skip: tuple[str, ...] = Field(
        ("pyspark",), description="packages to leave out, with what only they need; Spark brings its own pyspark"
    )
