"""Spark's predict_batch_udf: Parquet to predictions. DATASET TARGET NETWORK torch|openvino BUNDLE PRECISION."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from pyspark.ml.functions import predict_batch_udf
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, FloatType

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers.scoring import BATCH, predictor

FEW = 64


def main() -> None:
    """Time a run in which the workers have the network loaded already."""
    dataset, target, *how = sys.argv[1:]
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": sys.path[0]}
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for key, value in {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}.items():
        builder = builder.config(key, value)
    spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "64").getOrCreate()

    def make_predict() -> object:
        predict = predictor(*how)
        return lambda images: np.asarray(predict(images))

    classify = predict_batch_udf(make_predict, return_type=ArrayType(FloatType()), batch_size=BATCH)
    rows = spark.read.parquet(f"{dataset}/data").select("uri", "image").repartition(8).cache()
    rows.count()
    for number in (FEW, rows.count()):
        started = time.perf_counter()
        answers = rows.limit(number) if number == FEW else rows
        answers = answers.repartition(2) if number == FEW else answers
        answers.select("uri", classify("image").alias("probabilities")).write.mode("overwrite").parquet(target)
        ended = time.perf_counter()
    print(json.dumps({"runs": [(number, started, ended)]}))


if __name__ == "__main__":
    main()
