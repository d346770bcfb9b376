"""The one place that builds a Spark session. Which cluster it runs on is spark-submit's to say."""

from pyspark.sql import SparkSession

# Rows carry images: few of them a batch keeps the memory of a Python worker small.
SETTINGS = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "64",
    "spark.sql.parquet.columnarReaderBatchSize": "256",
    "spark.sql.parquet.compression.codec": "none",
    "spark.sql.session.timeZone": "UTC",
}


def open_session(name: str) -> SparkSession:
    """Return the session that spark-submit's settings describe, named `darkroom NAME`."""
    builder = SparkSession.builder.appName(f"darkroom {name}")
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
