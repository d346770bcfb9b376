"""The process behind one job: it goes through the job's steps, leaves its progress and its outcome in the job's folder.

`python -m pipelines.platform.runner FOLDER` is started by the platform, and does not need it any more. On SIGTERM a
training saves its model and ends; any other step ends at once.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.errors import DarkroomError
from pipelines.job import log_to_stderr
from pipelines.platform.step import StepFailed, run_step

SPEC, STAGES, RESULT = "spec.json", "stages.json", "result.json"


class Stopped(BaseException):
    """Somebody asked the job to stop."""


class Run:
    """One job while it runs."""

    def __init__(self, folder: Path) -> None:
        """Read what there is to do."""
        self.folder = folder
        self.spec: dict[str, Any] = json.loads((folder / SPEC).read_text())
        self.on_stop: Callable[[], None] | None = None
        self._stages: list[dict[str, Any]] = []

    def stage(self, name: str, message: str) -> None:
        """Leave word that the job has come to a stage."""
        self._stages.append({"Status": name, "StartTime": time.time(), "StatusMessage": message})
        write(self.folder / STAGES, self._stages)

    def step(self, verb: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Run a darkroom job; return its summary."""
        return run_step(self.folder, verb, settings, self.spec["spark"], dict(os.environ))

    def stop(self, *_: Any) -> None:
        """End gracefully where the step can, else at once."""
        if self.on_stop is None:
            raise Stopped
        self.on_stop()


def write(file: Path, document: Any) -> None:
    """Write a JSON file; a reader sees the old one or the new, never a part."""
    aside = file.with_name(f".{file.name}")
    aside.write_text(json.dumps(document))
    aside.replace(file)


def main(folder: Path) -> None:
    """Run the job; whatever happens, there is an outcome."""
    from pipelines.platform.train_steps import train
    from pipelines.platform.transform_steps import transform

    log_to_stderr()
    run = Run(folder)
    signal.signal(signal.SIGTERM, run.stop)
    try:
        outcome = {"training": train, "transform": transform}[run.spec["kind"]](run)
    except Stopped:
        outcome = {"outcome": "Stopped"}
    except StepFailed as error:
        outcome = {"outcome": "Failed", "reason": str(error)}
    except DarkroomError as error:
        outcome = {"outcome": "Failed", "reason": f"ClientError: {error}"}
    except Exception as error:
        traceback.print_exc()
        outcome = {"outcome": "Failed", "reason": f"InternalServerError: {type(error).__name__}: {error}"}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    write(folder / RESULT, {"ended_at": time.time(), **outcome})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
