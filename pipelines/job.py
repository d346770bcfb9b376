"""What every job does around its work: check the conf, open a session, report, choose the exit code."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from pyspark.sql import SparkSession

from pipelines.config import Config, load
from pipelines.errors import DarkroomError
from pipelines.session import open_session

Run = Callable[[SparkSession, Config], dict[str, Any]]


def main(
    verb: str,
    model: type[Config],
    run: Run[Config],
    words: Sequence[str],
    *,
    check: Callable[[Config], None] | None = None,
) -> int:
    """Run one job; return its exit code: 0 done, 2 wrong conf, 3 wrong data, 1 anything else.

    `check` looks at what the model alone cannot (do the inputs exist?), before Spark starts.
    The summary that `run` returns is printed as the last line on stdout, one JSON object.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pipelines").setLevel(logging.INFO)
    started = time.monotonic()
    try:
        config = load(model, words)
        if check:
            check(config)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        session = open_session(verb, os.environ.get("AWS_ENDPOINT_URL", ""))
        try:
            summary = run(session, config)
        finally:
            session.stop()
    except DarkroomError as error:
        print(f"darkroom {verb}: {error}", file=sys.stderr)
        return error.exit_code
    except Exception:
        logging.getLogger(__name__).exception("darkroom %s failed", verb)
        return 1
    seconds = round(time.monotonic() - started, 2)
    print(json.dumps({"job": verb, **summary, "seconds": seconds}, ensure_ascii=False), flush=True)
    return 0
