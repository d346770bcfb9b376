"""Start the processes of jobs, follow them, and take note of how they end. Each pass looks at what is there."""

import json
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipelines import storage
from pipelines.errors import DarkroomError
from pipelines.platform import training, transforms
from pipelines.platform.config import PlatformConfig
from pipelines.platform.process import Process, ask_to_end, kill, owner, start
from pipelines.platform.runner import RESULT, SPEC, STAGES, write
from pipelines.platform.tables import TrainingJob, TransformJob
from pipelines.platform.training import GOING_ON

STOP_SECONDS = 120  # a job that was asked to stop may take this long, as in SageMaker
LOOK_SECONDS = 2.0
MAX_REASON = 1024  # characters of a FailureReason
AnyJob = TrainingJob | TransformJob


class Jobs:
    """The jobs of all kinds; what is in memory here may be lost with the platform."""

    def __init__(self, config: PlatformConfig) -> None:
        """Begin without having started anything."""
        self._config = config
        self._started: dict[Path, subprocess.Popen[bytes]] = {}
        self._asked: dict[Path, float] = {}
        self._looked: dict[Path, float] = {}

    def advance(self, session: Session) -> None:
        """Follow what runs, start what waits, no more than `max_jobs` at once."""
        num_running, waiting = 0, list[AnyJob]()
        for job in self._going_on(session):
            process = owner(self._folder(job))
            if process:
                num_running += self._follow(job, process)
            elif job.status == "Stopping":
                _finish(job, {"outcome": "Stopped"})
            else:
                waiting.append(job)
            session.commit()
        for job in waiting[: max(0, self._config.max_jobs - num_running)]:
            self._start(job)
            session.commit()

    def _going_on(self, session: Session) -> list[AnyJob]:
        jobs: list[AnyJob] = []
        for table in (TrainingJob, TransformJob):
            jobs += session.scalars(select(table).where(table.status.in_(GOING_ON)))
        return sorted(jobs, key=lambda job: job.created_at)

    def _folder(self, job: AnyJob) -> Path:
        return self._config.folder("training" if isinstance(job, TrainingJob) else "transform", job.name)

    def _start(self, job: AnyJob) -> None:
        """Start the job's process, unless it is just being started."""
        folder = self._folder(job)
        if folder in self._started and self._started[folder].poll() is None:
            return
        module = training if isinstance(job, TrainingJob) else transforms
        try:
            spec = module.spec_of(job, self._config)  # type: ignore[arg-type]
        except Exception as error:
            logging.getLogger(__name__).exception("%s cannot be started", job.name)
            _finish(job, {"outcome": "Failed", "reason": f"InternalServerError: {error}"})
            return
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / SPEC, spec)
        job.started_at = spec["started_at"]
        self._started[folder] = start(folder, [sys.executable, "-m", "pipelines.platform.runner", str(folder)])

    def _follow(self, job: AnyJob, process: Process) -> bool:
        """Take note of where the job is; say whether it still runs."""
        folder = self._folder(job)
        alive = process.is_alive()
        result = _read(folder / RESULT)  # after the look at the process: one that has gone has left its result before
        if isinstance(job, TrainingJob):
            _note_stages(job, _read(folder / STAGES) or [])
            self._note_metrics(job, folder, result is not None)
        if result is None and alive:
            self._limit(job, process, folder)
            return True
        kill(process)
        if popen := self._started.pop(folder, None):
            popen.poll()
        _finish(job, result or self._lost(job))
        return False

    def _note_metrics(self, job: TrainingJob, folder: Path, is_last: bool) -> None:
        """Copy what the training says of its epochs, every few seconds and at its end."""
        if time.time() < self._looked.get(folder, 0.0) + LOOK_SECONDS and not is_last:
            return
        self._looked[folder] = time.time()
        spec = _read(folder / SPEC)
        try:
            metrics = storage.read_json(storage.join(spec["run_dir"], "metrics.json")) if spec else []
        except (FileNotFoundError, ValueError, DarkroomError):
            return
        if len(metrics) != len(job.metrics):
            job.metrics, job.modified_at = metrics, time.time()

    def _limit(self, job: AnyJob, process: Process, folder: Path) -> None:
        """Pass a wish to stop on; kill what does not follow it, or exceeds its time by far."""
        now = time.time()
        if job.status == "Stopping" and folder not in self._asked:
            self._asked[folder] = now
            ask_to_end(process)
        is_late = now > self._asked.get(folder, now) + STOP_SECONDS
        if is_late or now > _deadline(job) + STOP_SECONDS:
            kill(process)

    def _lost(self, job: AnyJob) -> dict[str, Any]:
        """Say why a process has gone without a result."""
        if job.status == "Stopping":
            return {"outcome": "Stopped"}
        if time.time() > _deadline(job):
            return {"outcome": "MaxRuntimeExceeded"}
        reason = (
            "the job's process was killed, or the machine was restarted; was it out of memory? Its log has the rest"
        )
        return {"outcome": "Failed", "reason": f"InternalServerError: {reason}"}


def _deadline(job: AnyJob) -> float:
    seconds = training.max_runtime_seconds(job) if isinstance(job, TrainingJob) else training.DAY_SECONDS
    return (job.started_at or job.created_at) + seconds


def _note_stages(job: TrainingJob, stages: list[dict[str, Any]]) -> None:
    known = {transition["Status"] for transition in job.transitions}
    for stage in stages:
        if stage["Status"] not in known:
            job.transitions = _after(job, stage)
            job.modified_at = stage["StartTime"]
            if job.status == "InProgress":
                job.secondary_status = stage["Status"]


def _after(job: TrainingJob, stage: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the job's transitions with another one; it ends the one before."""
    *earlier, last = job.transitions
    return [*earlier, {**last, "EndTime": stage["StartTime"]}, stage]


def _finish(job: AnyJob, result: dict[str, Any]) -> None:
    """Write down how a job ended."""
    outcome, now = result["outcome"], result.get("ended_at", time.time())
    job.status = "Stopped" if outcome == "MaxRuntimeExceeded" else outcome
    job.failure_reason = result.get("reason", "")[:MAX_REASON] or None
    job.ended_at = job.modified_at = now
    if isinstance(job, TrainingJob):
        job.secondary_status = outcome
        message = result.get("reason", f"Training job {outcome}")[:MAX_REASON]
        job.transitions = _after(job, {"Status": outcome, "StartTime": now, "EndTime": now, "StatusMessage": message})


def _read(file: Path) -> Any:
    """Return a JSON document, None where there is none yet."""
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None
