"""Hyperparameter tuning jobs, as clients see them."""

import time
from typing import Any

from sqlalchemy import select

from pipelines.platform import training
from pipelines.platform.call import Call
from pipelines.platform.errors import refused
from pipelines.platform.listing import page
from pipelines.platform.metrics import KEYS
from pipelines.platform.search import grid_of, space_of
from pipelines.platform.tables import TrainingJob, TuningJob
from pipelines.platform.training import GOING_ON

KIND = "hyper-parameter-tuning-job"
STRATEGIES = ("Bayesian", "Random", "Grid")
NOT_HERE = ("TrainingJobDefinitions", "WarmStartConfig", "Autotune")


def create(call: Call) -> dict[str, Any]:
    """CreateHyperParameterTuningJob."""
    request, config = call.request, call.request["HyperParameterTuningJobConfig"]
    for key in NOT_HERE:
        if key in request:
            raise refused(f"{key} is not run here; give one TrainingJobDefinition")
    if "TrainingJobDefinition" not in request:
        raise refused("TrainingJobDefinition is missing")
    if config["Strategy"] not in STRATEGIES:
        raise refused(f"Strategy {config['Strategy']} is not searched here; {', '.join(STRATEGIES)} are")
    metric = objective_of(request)["MetricName"]
    if metric not in KEYS:
        raise refused(f"MetricName {metric} is unknown; a training reports {', '.join(KEYS)}")
    limits = config["ResourceLimits"]
    space = space_of(config.get("ParameterRanges", {}))
    if config["Strategy"] == "Grid":
        limits["MaxNumberOfTrainingJobs"] = len(grid_of(space))
    elif "MaxNumberOfTrainingJobs" not in limits:
        raise refused("ResourceLimits.MaxNumberOfTrainingJobs is missing")
    for end in range(2):
        training.check_definition(definition_with(request, edge_of(config["ParameterRanges"], end)), call.config)
    now = time.time()
    row = TuningJob(
        name=request["HyperParameterTuningJobName"],
        created_at=now,
        modified_at=now,
        started_at=now,
        request=request,
        status="InProgress",
    )
    return {"HyperParameterTuningJobArn": call.add(row, KIND)}


def objective_of(request: dict[str, Any]) -> dict[str, Any]:
    """Return what is searched for: Type, Maximize or Minimize, and MetricName."""
    config = request["HyperParameterTuningJobConfig"]
    found: dict[str, Any] = config.get("HyperParameterTuningJobObjective") or {
        "Type": "Maximize",
        "MetricName": "validation:accuracy",
    }
    return found


def edge_of(ranges: dict[str, Any], end: int) -> dict[str, str]:
    """Return one corner of the space: all smallest values (0), or all largest (1)."""
    values: dict[str, str] = {}
    for kind in ("IntegerParameterRanges", "ContinuousParameterRanges"):
        values |= {given["Name"]: given[("MinValue", "MaxValue")[end]] for given in ranges.get(kind, [])}
    for given in ranges.get("CategoricalParameterRanges", []):
        values[given["Name"]] = given["Values"][-end]
    return values


def definition_with(request: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """Return the request of a training job of the search: the definition with these values."""
    definition = {**request["TrainingJobDefinition"]}
    fixed = definition.pop("StaticHyperParameters", {})
    if both := sorted(set(fixed) & set(values)):
        raise refused(f"{', '.join(both)}: in StaticHyperParameters and in ParameterRanges; one of them is enough")
    return {**definition, "HyperParameters": {**fixed, **values}}


def jobs_of(session: Any, name: str) -> list[TrainingJob]:
    """Return the training jobs of a tuning job, in the order in which they were made."""
    rows = select(TrainingJob).where(TrainingJob.tuning_job == name).order_by(TrainingJob.created_at, TrainingJob.name)
    return list(session.scalars(rows))


def describe(call: Call) -> dict[str, Any]:
    """DescribeHyperParameterTuningJob."""
    row = call.find(TuningJob, call.request["HyperParameterTuningJobName"], KIND)
    jobs = jobs_of(call.session, row.name)
    best = best_job(row, jobs)
    return {
        **call.repeated(row.request),
        **_counted(jobs),
        "HyperParameterTuningJobArn": call.config.arn(KIND, row.name),
        "HyperParameterTuningJobStatus": row.status,
        "FailureReason": row.failure_reason,
        "CreationTime": row.created_at,
        "LastModifiedTime": row.modified_at,
        "HyperParameterTuningEndTime": row.ended_at,
        "BestTrainingJob": _summary(call, row, best) if best else None,
    }


def best_job(row: TuningJob, jobs: list[TrainingJob]) -> TrainingJob | None:
    """Return the completed training with the best objective."""
    measured = [job for job in jobs if job.objective is not None and job.status == "Completed"]
    sign = 1 if objective_of(row.request)["Type"] == "Maximize" else -1
    return max(measured, key=lambda job: sign * (job.objective or 0.0), default=None)


def _counted(jobs: list[TrainingJob]) -> dict[str, dict[str, int]]:
    statuses = [job.status for job in jobs]
    measured = sum(job.objective is not None for job in jobs)
    pending = sum(status in GOING_ON for status in statuses)
    return {
        "TrainingJobStatusCounters": {
            "Completed": statuses.count("Completed"),
            "InProgress": pending,
            "RetryableError": 0,
            "NonRetryableError": statuses.count("Failed"),
            "Stopped": statuses.count("Stopped"),
        },
        "ObjectiveStatusCounters": {
            "Succeeded": measured,
            "Pending": pending,
            "Failed": len(jobs) - measured - pending,
        },
    }


def list_jobs(call: Call) -> dict[str, Any]:
    """ListHyperParameterTuningJobs."""
    rows, token = page(call, TuningJob, sort_by="Name")
    summaries = [
        {
            **_counted(jobs_of(call.session, row.name)),
            "HyperParameterTuningJobName": row.name,
            "HyperParameterTuningJobArn": call.config.arn(KIND, row.name),
            "HyperParameterTuningJobStatus": row.status,
            "Strategy": row.request["HyperParameterTuningJobConfig"]["Strategy"],
            "CreationTime": row.created_at,
            "HyperParameterTuningEndTime": row.ended_at,
            "LastModifiedTime": row.modified_at,
            "ResourceLimits": row.request["HyperParameterTuningJobConfig"]["ResourceLimits"],
        }
        for row in rows
    ]
    return {"HyperParameterTuningJobSummaries": summaries, "NextToken": token}


def list_training_jobs(call: Call) -> dict[str, Any]:
    """ListTrainingJobsForHyperParameterTuningJob."""
    row = call.find(TuningJob, call.request["HyperParameterTuningJobName"], KIND)
    where = [TrainingJob.tuning_job == row.name]
    if call.request.get("SortBy") == "FinalObjectiveMetricValue":
        where.append(TrainingJob.objective.is_not(None))
    jobs, token = page(call, TrainingJob, sort_by="Name", where=where)
    return {"TrainingJobSummaries": [_summary(call, row, job) for job in jobs], "NextToken": token}


def _summary(call: Call, row: TuningJob, job: TrainingJob) -> dict[str, Any]:
    objective = objective_of(row.request)
    final = {"Type": objective["Type"], "MetricName": objective["MetricName"], "Value": job.objective}
    pending = "Pending" if job.status in GOING_ON else "Failed"
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": call.config.arn(training.KIND, job.name),
        "TuningJobName": row.name,
        "CreationTime": job.created_at,
        "TrainingStartTime": job.started_at,
        "TrainingEndTime": job.ended_at,
        "TrainingJobStatus": job.status,
        "TunedHyperParameters": job.tuned,
        "FailureReason": job.failure_reason,
        "FinalHyperParameterTuningJobObjectiveMetric": final if job.objective is not None else None,
        "ObjectiveStatus": "Succeeded" if job.objective is not None else pending,
    }


def stop(call: Call) -> dict[str, Any]:
    """StopHyperParameterTuningJob: its training jobs are stopped too."""
    row = call.find(TuningJob, call.request["HyperParameterTuningJobName"], KIND)
    if row.status not in GOING_ON:
        raise refused(f"The request was rejected because the tuning job is in status {row.status}.")
    row.status, row.modified_at = "Stopping", time.time()
    return {}
