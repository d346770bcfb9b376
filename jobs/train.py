"""Train a network on a dataset with Horovod on Spark.

spark-submit jobs/train.py conf/jobs/train.yaml dataset=datasets/photos target=models/photos
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.train.config import TrainConfig
from pipelines.train.run import check, train


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    return job.main("train", TrainConfig, train, words, check=check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
