"""Run `darkroom VERB key=value …` as a user does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "pipelines.cli")
Job = subprocess.Popen[str]


def environment() -> dict[str, str]:
    """Return variables with which networks of these tests can be imported."""
    return {**os.environ, "PYTHONPATH": str(HOME)}


def start(verb: str, *words: str) -> Job:
    """Start a job in a process group of its own."""
    return subprocess.Popen(
        [*COMMAND, verb, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )


def finish(job: Job, exit_code: int = 0) -> tuple[str, str]:
    """Wait for the job and hold its exit code against the expected one; return stdout and stderr."""
    stdout, stderr = job.communicate(timeout=400)
    told = "\n".join(line for line in stderr.splitlines() if not line.startswith("\tat "))
    assert job.returncode == exit_code, told[-3000:]
    return stdout, stderr


def darkroom(verb: str, *words: str) -> dict[str, Any]:
    """Run a job to its end and return the JSON object of its last line."""
    stdout, _ = finish(start(verb, *words))
    summary: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return summary
