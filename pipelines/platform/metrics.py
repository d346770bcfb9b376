"""What a training reports of its epochs, under the names that SageMaker gives them."""

from typing import Any

from pipelines.platform.tables import TrainingJob

NAMES = {
    "loss": "train:loss",
    "accuracy": "train:accuracy",
    "val_loss": "validation:loss",
    "val_accuracy": "validation:accuracy",
    "val_top_k_accuracy": "validation:top_k_accuracy",
}
KEYS = {name: key for key, name in NAMES.items()}


def final_metrics(job: TrainingJob) -> list[dict[str, Any]] | None:
    """Return FinalMetricDataList: of the epoch that was kept, None before there is one."""
    if job.ended_at is None or not job.metrics:
        return None
    kept = kept_epoch(job)
    return [
        {"MetricName": name, "Value": kept[key], "Timestamp": job.ended_at}
        for key, name in NAMES.items()
        if key in kept
    ]


def kept_epoch(job: TrainingJob) -> dict[str, Any]:
    """Return the report of the epoch whose weights the model has: the best with early stopping, else the last."""
    if job.request["HyperParameters"].get("early_stopping", "").lower() in ("true", "1"):
        return max(job.metrics, key=lambda report: report.get("val_accuracy", 0.0))
    return job.metrics[-1]
