"""Turn photos into a Parquet dataset, one row an image.

spark-submit jobs/ingest.py conf/jobs/ingest.yaml source=photos target=datasets/photos
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.new_files import nothing_new
from pipelines.ingest.run import check, ingest


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    return job.main("ingest", IngestConfig, ingest, words, check=check, nothing_new=nothing_new, photos=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
