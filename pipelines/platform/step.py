"""One darkroom job as a step of a platform's job: started as a user would, with its result or its error read back."""

import contextlib
import json
import logging
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

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
    command = [sys.executable, "-m", "pipelines.cli", verb, *as_words(settings), *QUIET, *shlex.split(spark)]
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


def as_words(settings: dict[str, Any]) -> list[str]:
    """Write settings as `key=value`, which is read as YAML: 1.0e-08 is a number there, JSON's 1e-08 is not."""
    return [f"{key}={value if isinstance(value, str) else _as_yaml(value)}" for key, value in settings.items()]


def _as_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6)
    return text.removesuffix("...\n").strip()


def _error(result: Path, verb: str) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(json.loads(result.read_text())["error"])
    return f"darkroom {verb} ended without a word on why; its log has the rest"
