"""One darkroom job as a step of a platform's job: started as a user would, with its result or its error read back."""

import contextlib
import json
import logging
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipelines.submit import RESULT_VARIABLE

QUIET = ("--conf", "spark.ui.showConsoleProgress=false")  # a log is no place for progress bars
CLIENT_ERRORS = (2, 3)  # exit codes of a wrong conf and of wrong data


class StepFailed(Exception):
    """A step ended with an error; the message is a FailureReason."""


def run_step(
    folder: Path, verb: str, settings: dict[str, Any], spark: str, environment: dict[str, str]
) -> dict[str, Any]:
    """Run `darkroom VERB` to its end and return its summary; what it prints goes to this process's own log.

    Raises:
        StepFailed: with the job's own error line.
    """
    result = folder / f"{verb}.json"
    result.unlink(missing_ok=True)
    words = [f"{key}={_written(value)}" for key, value in settings.items()]
    command = [sys.executable, "-m", "pipelines.cli", verb, *words, *QUIET, *shlex.split(spark)]
    logging.getLogger(__name__).info("darkroom %s", shlex.join(command[3:]))
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None,
        env={**environment, RESULT_VARIABLE: f"file://{result}"},
        check=False,
    )
    sys.stderr.buffer.write(done.stdout)
    sys.stderr.flush()
    if done.returncode == 0:
        summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return summary
    kind = "ClientError" if done.returncode in CLIENT_ERRORS else "AlgorithmError"
    raise StepFailed(f"{kind}: {_error(result, verb)}, exit code: {done.returncode}")


def _written(value: Any) -> str:
    """Write a value as `key=value` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _error(result: Path, verb: str) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(json.loads(result.read_text())["error"])
    return f"darkroom {verb} ended without a word on why; its log has the rest"
