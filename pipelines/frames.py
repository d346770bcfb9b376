"""Small frames made on the driver."""

import json
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


def small_frame(spark: SparkSession, rows: list[dict[str, Any]], schema: str) -> DataFrame:
    """Return a frame of a few rows, which the JVM makes: createDataFrame would start Python workers for it.

    `schema` names the columns, as in "uri string, size_bytes long".
    """
    parsed = F.from_json(F.lit(json.dumps(rows)), f"array<struct<{schema}>>")
    return spark.range(0, 1, 1, 1).select(F.inline(parsed))
