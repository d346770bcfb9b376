"""Train or fit on folds of a dataset and say how good the result is, how surely, and whether it beats another.

spark-submit jobs/validate.py dataset=datasets/photos target=validations/resnet settings.model=resnet18 folds=5
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.validate.config import ValidateConfig
from pipelines.validate.run import check, validate


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    return job.main("validate", ValidateConfig, validate, words, check=check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
