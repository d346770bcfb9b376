"""Carry tuning jobs on: make their next training jobs, stop hopeless ones, and take note of the end.

A training job of a tuning job is a row that `jobs.py` starts as any other. Its name has its number, so that a
platform that was killed makes none twice.
"""

import hashlib
import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipelines.platform.metrics import KEYS, kept_epoch
from pipelines.platform.search import Tried, is_hopeless, space_of, suggest
from pipelines.platform.tables import TrainingJob, TuningJob
from pipelines.platform.training import GOING_ON, ask_to_stop, new_job
from pipelines.platform.tuning import best_job, definition_with, jobs_of, objective_of


class Tuner:
    """The tuning jobs; nothing is kept in memory."""

    def advance(self, session: Session) -> None:
        """Bring every tuning job a step further."""
        for row in session.scalars(select(TuningJob).where(TuningJob.status.in_(GOING_ON))).all():
            jobs = jobs_of(session, row.name)
            _note_objectives(row, jobs)
            if row.status == "Stopping" or _is_enough(row, jobs):
                _wind_up(row, jobs)
            else:
                _advance(session, row, jobs)
            session.commit()


def _advance(session: Session, row: TuningJob, jobs: list[TrainingJob]) -> None:
    """Stop trainings without hope, and make the next one."""
    config = row.request["HyperParameterTuningJobConfig"]
    limits, space = config["ResourceLimits"], space_of(config["ParameterRanges"])
    tried, maximize = [_tried(row, job) for job in jobs], objective_of(row.request)["Type"] == "Maximize"
    if config.get("TrainingJobEarlyStoppingType") == "Auto":
        for number, job in enumerate(jobs):
            if job.status == "InProgress" and is_hopeless(space, maximize, tried, number):
                ask_to_stop(job)
    running = sum(job.status in GOING_ON for job in jobs)
    if len(jobs) < limits["MaxNumberOfTrainingJobs"] and running < limits["MaxParallelTrainingJobs"]:
        seed = config.get("RandomSeed", int(hashlib.blake2b(row.name.encode(), digest_size=3).hexdigest(), 16))
        values = suggest(config["Strategy"], space, maximize, seed, tried)
        session.add(_job(row, len(jobs) + 1, values))
    elif len(jobs) == limits["MaxNumberOfTrainingJobs"] and not running:
        _end(row, jobs, "Completed")


def _job(row: TuningJob, number: int, values: dict[str, str]) -> TrainingJob:
    """Return the next training job, named as SageMaker names them."""
    tail = hashlib.blake2b(f"{row.name} {number}".encode(), digest_size=4).hexdigest()
    return new_job(f"{row.name}-{number:03d}-{tail}", definition_with(row.request, values), row.name, **values)


def _note_objectives(row: TuningJob, jobs: list[TrainingJob]) -> None:
    """Keep the objective of the trainings that have ended with one."""
    key = KEYS[objective_of(row.request)["MetricName"]]
    for job in jobs:
        if job.objective is None and job.status in ("Completed", "Stopped") and job.metrics:
            job.objective = kept_epoch(job).get(key)
            row.modified_at = time.time()


def _tried(row: TuningJob, job: TrainingJob) -> Tried:
    key = KEYS[objective_of(row.request)["MetricName"]]
    epochs = [report[key] for report in job.metrics if key in report]
    return Tried(job.tuned, job.objective, epochs, job.status not in GOING_ON)


def _is_enough(row: TuningJob, jobs: list[TrainingJob]) -> bool:
    """Say whether the time is over, or the objective reached that was aimed at."""
    config: dict[str, Any] = row.request["HyperParameterTuningJobConfig"]
    limit = config["ResourceLimits"].get("MaxRuntimeInSeconds")
    if limit and time.time() > row.created_at + limit:
        return True
    aim = config.get("TuningJobCompletionCriteria", {}).get("TargetObjectiveMetricValue")
    best = best_job(row, jobs)
    if aim is None or best is None or best.objective is None:
        return False
    return (
        bool(best.objective >= aim) if objective_of(row.request)["Type"] == "Maximize" else bool(best.objective <= aim)
    )


def _wind_up(row: TuningJob, jobs: list[TrainingJob]) -> None:
    """Stop what runs, and end when nothing runs any more."""
    for job in jobs:
        ask_to_stop(job)
    if not any(job.status in GOING_ON for job in jobs):
        _end(row, jobs, "Stopped" if row.status == "Stopping" else "Completed")


def _end(row: TuningJob, jobs: list[TrainingJob], status: str) -> None:
    row.status, row.ended_at, row.modified_at = status, time.time(), time.time()
    if status == "Completed" and jobs and all(job.status == "Failed" for job in jobs):
        row.status = "Failed"
        row.failure_reason = f"All training jobs failed; the last one: {jobs[-1].failure_reason}"[:1024]
