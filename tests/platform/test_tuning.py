"""A tuning job: trainings beside one another, and the best of them."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.platform.running import Platform, both_channels, training, wait_until

RANGES = {
    "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["sgd", "nag"]}],
    "ContinuousParameterRanges": [
        {"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
    ],
}


def request(name: str, photos: Path, output: Path, **config: Any) -> dict[str, Any]:
    definition = training("ignored", both_channels(photos), output, epochs="1")
    del definition["TrainingJobName"]
    fixed = definition.pop("HyperParameters")
    del fixed["learning_rate"]
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:accuracy"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": RANGES,
            "TrainingJobEarlyStoppingType": "Auto",
            **config,
        },
        "TrainingJobDefinition": {**definition, "StaticHyperParameters": fixed},
    }


def test_a_tuning_job_ends_with_its_best_training_job(platform: Platform, photos: Path, tmp_path: Path) -> None:
    client = platform.client("sagemaker")
    client.create_hyper_parameter_tuning_job(**request("tuned", photos, tmp_path))

    def describe() -> Any:
        described = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
        return described if described["HyperParameterTuningJobStatus"] != "InProgress" else None

    described = wait_until(describe, "end of the tuning job", seconds=500)
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    counters = described["TrainingJobStatusCounters"]
    assert counters["Completed"] + counters["Stopped"] == 3
    jobs = client.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="tuned", SortBy="FinalObjectiveMetricValue", SortOrder="Descending"
    )["TrainingJobSummaries"]
    key = "FinalHyperParameterTuningJobObjectiveMetric"
    values = [job[key]["Value"] for job in jobs]
    assert values == sorted(values, reverse=True)
    assert described["BestTrainingJob"][key]["Value"] == values[0]
    assert len({tuple(sorted(job["TunedHyperParameters"].items())) for job in jobs}) == 3
    training_job = client.describe_training_job(TrainingJobName=jobs[0]["TrainingJobName"])
    assert training_job["TuningJobArn"] == described["HyperParameterTuningJobArn"]
    assert jobs[0]["TunedHyperParameters"].items() <= training_job["HyperParameters"].items()


def test_a_stopped_tuning_job_stops_its_trainings(platform: Platform, photos: Path, tmp_path: Path) -> None:
    client = platform.client("sagemaker")
    asked = request("halted", photos, tmp_path)
    asked["TrainingJobDefinition"]["StaticHyperParameters"]["epochs"] = "100000"
    client.create_hyper_parameter_tuning_job(**asked)
    of_it = {"HyperParameterTuningJobName": "halted"}

    def trainings() -> Any:
        return client.list_training_jobs_for_hyper_parameter_tuning_job(**of_it)["TrainingJobSummaries"]

    def status() -> Any:
        return client.describe_hyper_parameter_tuning_job(**of_it)["HyperParameterTuningJobStatus"]

    wait_until(trainings, "training")
    client.stop_hyper_parameter_tuning_job(**of_it)
    wait_until(lambda: status() not in ("InProgress", "Stopping"), "end of the tuning job")
    assert status() == "Stopped"
    assert {job["TrainingJobStatus"] for job in trainings()} == {"Stopped"}


def test_a_range_that_the_algorithm_does_not_take_is_refused(platform: Platform, photos: Path, tmp_path: Path) -> None:
    ranges = {"ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.1", "MaxValue": "5"}]}
    with pytest.raises(ClientError, match="hyperparameter learning_rate='5': Input should be less than or equal to 1"):
        platform.client("sagemaker").create_hyper_parameter_tuning_job(
            **request("wide", photos, tmp_path, ParameterRanges=ranges)
        )
