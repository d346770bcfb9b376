"""Search the settings of train or fit: grid, random or Bayesian, on the dataset's val split or on folds.

spark-submit jobs/tune.py dataset=datasets/photos target=searches/rate settings.epochs=5 \
    space.learning_rate.low=0.0001 space.learning_rate.high=0.1 space.learning_rate.log=true
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.tune.config import TuneConfig


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    try:
        from pipelines.tune.run import check, nothing_new, tune
    except ModuleNotFoundError as error:
        print(f"darkroom tune: {error.name} is not installed; install darkroom[tune]", file=sys.stderr)
        return 2
    return job.main("tune", TuneConfig, tune, words, check=check, nothing_new=nothing_new)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
