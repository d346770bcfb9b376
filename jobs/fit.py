"""Fit a classic learner on a table of features and save it as a model bundle.

spark-submit jobs/fit.py dataset=features/photos target=models/forest select=var10 learner=random_forest
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.fit.config import FitConfig
from pipelines.fit.run import check, fit


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    return job.main("fit", FitConfig, fit, words, check=check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
