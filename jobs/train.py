"""Train a network on a dataset with Horovod on Spark.

spark-submit jobs/train.py conf/jobs/train.yaml dataset=datasets/photos target=models/photos
"""

import functools
import os
import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.train.config import TrainConfig
from pipelines.train.repeated import nothing_new
from pipelines.train.run import check, train


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code. MLflow keeps the metrics too where MLFLOW_TRACKING_URI is set."""
    tracking_uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    run = functools.partial(train, tracking_uri=tracking_uri)
    look = functools.partial(check, tracking_uri=tracking_uri)
    return job.main("train", TrainConfig, run, words, check=look, nothing_new=nothing_new)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
