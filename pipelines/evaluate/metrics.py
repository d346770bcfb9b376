"""Count how good predictions are; all sums are Spark's, no row of a split travels to the driver."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

NUM_BINS = 15


class ClassMetrics(BaseModel):
    """One class: `support` is its number of images."""

    model_config = ConfigDict(frozen=True)

    label_name: str
    precision: float
    recall: float
    f1: float
    support: int


class CalibrationBin(BaseModel):
    """Predictions of about the same confidence."""

    model_config = ConfigDict(frozen=True)

    count: int
    confidence: float
    accuracy: float


class Metrics(BaseModel):
    """`confusion[i][j]`: images of class i that were called class j."""

    model_config = ConfigDict(frozen=True)

    num_images: int
    accuracy: float
    top5_accuracy: float
    macro_f1: float
    calibration_error: float
    classes: list[ClassMetrics]
    confusion: list[list[int]]
    calibration: list[CalibrationBin]


def measure(scored: DataFrame, classes: tuple[str, ...]) -> Metrics:
    """Measure rows of true_label_name, label_name, confidence and top_k."""
    place = {name: index for index, name in enumerate(classes)}
    confusion = [[0] * len(classes) for _ in classes]
    for row in scored.groupBy("true_label_name", "label_name").count().collect():
        confusion[place[row["true_label_name"]]][place[row["label_name"]]] = row["count"]
    num_images = sum(map(sum, confusion))
    per_class = [_class_metrics(name, index, confusion) for name, index in place.items()]
    in_top5 = F.array_contains(F.slice("top_k", 1, 5).getField("label_name"), F.col("true_label_name"))
    top5 = scored.agg(F.sum(in_top5.cast("long"))).first()
    bins = _calibration(scored)
    gaps = [bin.count * abs(bin.confidence - bin.accuracy) for bin in bins]
    return Metrics(
        num_images=num_images,
        accuracy=_ratio(sum(confusion[i][i] for i in range(len(classes))), num_images),
        top5_accuracy=_ratio(int(top5[0] or 0) if top5 else 0, num_images),
        macro_f1=_ratio(sum(item.f1 for item in per_class), len(per_class)),
        calibration_error=_ratio(sum(gaps), num_images),
        classes=per_class,
        confusion=confusion,
        calibration=bins,
    )


def _class_metrics(name: str, index: int, confusion: list[list[int]]) -> ClassMetrics:
    hits, support = confusion[index][index], sum(confusion[index])
    precision, recall = _ratio(hits, sum(row[index] for row in confusion)), _ratio(hits, support)
    f1 = _ratio(2 * precision * recall, precision + recall)
    return ClassMetrics(label_name=name, precision=precision, recall=recall, f1=f1, support=support)


def _calibration(scored: DataFrame) -> list[CalibrationBin]:
    number = F.least(F.floor(F.col("confidence") * NUM_BINS), F.lit(NUM_BINS - 1)).alias("bin")
    hit = (F.col("true_label_name") == F.col("label_name")).cast("double")
    rows = scored.groupBy(number).agg(F.count("*"), F.avg("confidence"), F.avg(hit)).orderBy("bin").collect()
    return [CalibrationBin(count=row[1], confidence=row[2], accuracy=row[3]) for row in rows]


def most_confident_mistakes(scored: DataFrame, number: int) -> list[dict[str, Any]]:
    """Return the wrong predictions with the highest confidence, with their `image` bytes."""
    wrong = scored.where(F.col("true_label_name") != F.col("label_name"))
    rows = wrong.orderBy(F.desc("confidence"), "image_id").limit(number)
    return [row.asDict() for row in rows.collect()]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
