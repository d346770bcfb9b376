"""Check Java, Spark, Horovod, storage, and the executors' Python and clocks.

spark-submit jobs/doctor.py read=[hdfs:///photos] write=[hdfs:///datasets]
"""

import sys
from collections.abc import Sequence

from pipelines import job
from pipelines.doctor.config import DoctorConfig
from pipelines.doctor.run import doctor


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code."""
    return job.main("doctor", DoctorConfig, doctor, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
