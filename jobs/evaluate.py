"""Measure a model bundle on a split of a dataset and write a report.

spark-submit jobs/evaluate.py conf/jobs/evaluate.yaml dataset=datasets/photos model=models/photos target=reports/photos
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.evaluate.config import EvaluateConfig
from pipelines.evaluate.run import check, evaluate, verdict


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code: 3 also below min_accuracy."""
    return job.main("evaluate", EvaluateConfig, evaluate, words, check=check, verdict=verdict, photos=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
