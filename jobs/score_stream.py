"""Score a folder that fills, or the records of Kafka, as they come.

spark-submit jobs/score_stream.py conf/jobs/score_stream.yaml source=inbox model=models/photos@production target=scored
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Sequence

from pipelines import job
from pipelines.stream.config import ScoreStreamConfig
from pipelines.stream.kafka import security_options
from pipelines.stream.run import check, score_stream


def main(words: Sequence[str]) -> int:
    """Run the job; return its exit code. SIGTERM or Ctrl-C ends it after the batch at hand; a second one at once.

    Secrets of Kafka come from KAFKA_* variables.
    """
    stop = threading.Event()

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    run = functools.partial(score_stream, stop=stop, security=security_options(os.environ))
    return job.main("score_stream", ScoreStreamConfig, run, words, check=check, photos=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
