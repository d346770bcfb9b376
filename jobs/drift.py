"""Compare the predictions of each day with the photos that the model was trained on.

spark-submit jobs/drift.py predictions=scored dataset=datasets/photos evaluation=reports/photos target=reports/drift
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.drift.config import DriftConfig
from pipelines.drift.run import check, drift, verdict


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code: 3 also where the last days have drifted."""
    return job.main("drift", DriftConfig, drift, words, check=check, verdict=verdict)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
