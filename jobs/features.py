"""Write the activations of a network's layer as a table, one row an input.

spark-submit jobs/features.py source=datasets/photos model=models/photos layer=layer3 target=features/photos
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.features.config import FeaturesConfig
from pipelines.features.run import check, features


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    return job.main("features", FeaturesConfig, features, words, check=check, photos=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
