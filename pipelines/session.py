"""The one place that builds a Spark session. Which cluster it runs on is spark-submit's to say."""

from pyspark.sql import SparkSession

# Rows carry images: few of them a batch keeps the memory of a Python worker small. A task of 32 MiB is a thousand
# photos of short side 256 px.
SETTINGS = {
    "spark.sql.files.maxPartitionBytes": "32m",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "64",
    "spark.sql.parquet.columnarReaderBatchSize": "256",
    "spark.sql.parquet.compression.codec": "none",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
}
# Of photos at least: with as many as cores, some wait for the last.
TASKS_PER_CORE = 4
# The processes that fork Spark's Python workers.
WORKER_DAEMON, PHOTO_DAEMON = "pipelines.worker_daemon", "pipelines.photo_daemon"


def open_session(name: str, s3_endpoint: str = "", *, photos: bool = False) -> SparkSession:
    """Return the session that spark-submit's settings describe, named `darkroom NAME`.

    `s3_endpoint` is the address of an S3 server other than Amazon's. With `photos`, Python workers have torch and the
    rest of what decodes and scores them from the start.
    """
    daemon = PHOTO_DAEMON if photos else WORKER_DAEMON
    builder = SparkSession.builder.appName(f"darkroom {name}").config("spark.python.daemon.module", daemon)
    for key, value in {**SETTINGS, **_s3_settings(s3_endpoint)}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    if photos:
        tasks = TASKS_PER_CORE * session.sparkContext.defaultParallelism
        session.conf.set("spark.sql.files.minPartitionNum", str(tasks))
    return session


def _s3_settings(endpoint: str) -> dict[str, str]:
    """Point Spark, and the Python processes on executors, to the same S3 server as this process."""
    if not endpoint:
        return {}
    return {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https://")).lower(),
        "spark.executorEnv.AWS_ENDPOINT_URL": endpoint,
    }
