"""A short Spark job of the kinds that darkroom's are made of, while Java notes which classes it loads.

spark-submit tools/spark_classes.py, with SPARK_SUBMIT_OPTS as in tools/setup.sh.
"""

import tempfile

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = "number long, name string"


def main() -> None:
    """Write, read, join, group and sort a table, with and without Python workers."""
    spark = SparkSession.builder.appName("classes").getOrCreate()
    with tempfile.TemporaryDirectory() as folder:
        rows = spark.range(64).select(F.col("id").alias("number"), F.concat(F.lit("n"), F.col("id")).alias("name"))
        rows.repartition(2).mapInArrow(lambda batches: batches, SCHEMA).write.parquet(f"{folder}/rows")
        stored = spark.read.parquet(f"{folder}/rows")
        paired = stored.join(rows.where("number % 3 = 0"), ["number"], "left_anti").withColumn(
            "short", F.xxhash64("name")
        )
        paired.sort("short").write.partitionBy("name").mode("overwrite").parquet(f"{folder}/paired")
        paired.groupBy("name").agg(F.count("*"), F.sum("number"), F.collect_list("short")).collect()
        paired.distinct().count()
    spark.stop()


if __name__ == "__main__":
    main()
