"""Functions of numpy arrays as functions of Spark columns."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import pandas as pd
from pyspark.sql import Column
from pyspark.sql.pandas.functions import pandas_udf

Numbers = np.ndarray[Any, Any]


def on_rows(function: Callable[[Numbers], Numbers], kind: str) -> Callable[[str], Column]:
    """Return a function of a column of arrays: float32 (B, D) → (B,), or (B, K) for arrays, on the executors."""

    def run(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for rows in batches:
            yield pd.Series(list(function(np.stack(rows.to_list()).astype(np.float32))) if len(rows) else [])

    made: Any = pandas_udf(run, kind)  # type: ignore[call-overload]
    return cast(Callable[[str], Column], made)
