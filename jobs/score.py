"""Predict the classes of photos or of a dataset, one row an input.

spark-submit jobs/score.py conf/jobs/score.yaml source=photos model=models/photos target=predictions
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.score.config import ScoreConfig
from pipelines.score.repeated import nothing_new
from pipelines.score.run import check, score


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    return job.main("score", ScoreConfig, score, words, check=check, nothing_new=nothing_new, photos=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
