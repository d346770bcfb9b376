"""What every job does around its work: check the conf, open a session, report, choose the exit code."""

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.config import Config, load
from pipelines.errors import DarkroomError, DataError
from pipelines.session import open_session
from pipelines.spark_errors import JVM_DIED, explain, has_died
from pipelines.submit import RESULT_VARIABLE

Run = Callable[[SparkSession, Config], dict[str, Any]]
Verdict = Callable[[dict[str, Any]], str]
YARN_CONTAINER = "CONTAINER_ID"  # set for a driver on YARN, which counts as failed if it ends without a session


def main(
    verb: str,
    model: type[Config],
    run: Run[Config],
    words: Sequence[str],
    *,
    check: Callable[[Config], None] | None = None,
    nothing_new: Callable[[Config], dict[str, Any] | None] | None = None,
    verdict: Verdict | None = None,
    photos: bool = False,
) -> int:
    """Run one job; return its exit code: 0 done, 2 wrong conf, 3 wrong data, 1 anything else.

    `check` looks at what the model alone cannot (do the inputs exist?), before Spark starts. So does `nothing_new`:
    where an earlier run has done all of the work already, it returns the summary, and Spark is not started.
    The summary that `run` returns is printed as the last line on stdout, one JSON object. `verdict` reads it: what it
    finds wrong is said on stderr, and the exit code is 3. `photos` says that tasks decode some.
    """
    return report(verb, lambda: _run(verb, model, run, words, check, nothing_new, photos), verdict)


def report(verb: str, work: Callable[[], dict[str, Any]], verdict: Verdict | None = None) -> int:
    """Do the work of a verb, and say how it ended: `main` without Spark."""
    log_to_stderr()
    started = time.monotonic()
    try:
        summary = work()
    except DarkroomError as error:
        return _end(error.exit_code, error=f"darkroom {verb}: {error}")
    except Exception as error:
        logging.getLogger(__name__).exception("darkroom %s failed", verb)
        return _end(1, error=f"darkroom {verb}: {type(error).__name__}: {error}")
    seconds = round(time.monotonic() - started, 2)
    wrong = verdict(summary) if verdict else ""
    summary = {"job": verb, **summary, "seconds": seconds}
    if wrong:
        return _end(DataError.exit_code, summary=summary, error=f"darkroom {verb}: {wrong}")
    return _end(0, summary=summary)


def log_to_stderr() -> None:
    """Show our own log lines, and the warnings of others."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pipelines").setLevel(logging.INFO)


def _run(
    verb: str,
    model: type[Config],
    run: Run[Config],
    words: Sequence[str],
    check: Callable[[Config], None] | None,
    nothing_new: Callable[[Config], dict[str, Any] | None] | None,
    photos: bool,
) -> dict[str, Any]:
    config = load(model, words)
    if check:
        check(config)
    done = nothing_new(config) if nothing_new else None
    if done and YARN_CONTAINER not in os.environ:
        return done
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = open_session(verb, os.environ.get("AWS_ENDPOINT_URL", ""), photos=photos)
    try:
        return done or run(session, config)
    except (Py4JError, PySparkException, ConnectionError) as error:
        if has_died(session):
            raise DarkroomError(JVM_DIED) from error
        if explained := explain(error, config):
            raise explained from error
        raise
    finally:
        with contextlib.suppress(Py4JError, OSError):  # a JVM that has died cannot be stopped
            session.stop()


def _end(exit_code: int, *, summary: dict[str, Any] | None = None, error: str = "") -> int:
    """Say how the run ended; a driver on a cluster also leaves it where the `darkroom` command looks for it."""
    if result_uri := os.environ.get(RESULT_VARIABLE):
        storage.write_json(result_uri, {"exit_code": exit_code, "summary": summary, "error": error})
    if error:
        print(error, file=sys.stderr)
    if summary:
        print(json.dumps(summary, ensure_ascii=False), flush=True)
    return exit_code
