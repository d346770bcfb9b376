"""What the predictions of each day look like, and whether they are those of the model's training photos."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.drift.config import DriftConfig
from pipelines.drift.measures import MEASURES, by_chance
from pipelines.evaluate.metrics import NUM_BINS


class Reference(BaseModel):
    """What predictions are held against; without an evaluation `confidences` is empty."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    confidences: tuple[int, ...] = ()
    mean_confidence: float | None = None
    model_id: str = ""


class Comparison(BaseModel):
    """Distances of a day from the reference, and what the chosen one may be by chance."""

    model_config = ConfigDict(frozen=True)

    psi: float
    jensen_shannon: float
    by_chance: float
    drifted: bool


class Day(BaseModel):
    """The predictions of one day. `counts` are by the reference's classes, `confidences` by NUM_BINS equal bins."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    date: str
    num_images: int
    counts: tuple[int, ...]
    confidences: tuple[int, ...]
    mean_confidence: float
    model_ids: tuple[str, ...]
    classes_drift: Comparison
    confidence_drift: Comparison | None
    judged: bool

    @property
    def drifted(self) -> bool:
        """Say whether classes or confidence have drifted, on a day that has enough photos to say so."""
        confidence = self.confidence_drift is not None and self.confidence_drift.drifted
        return self.judged and (self.classes_drift.drifted or confidence)


def bin_of(confidence: float) -> int:
    """Return the number of the bin of a confidence, 0 to NUM_BINS - 1."""
    return min(int(confidence * NUM_BINS), NUM_BINS - 1)


def describe_days(predictions: DataFrame, reference: Reference, config: DriftConfig) -> list[Day]:
    """Count the rows of date, label_name, confidence and model_id, and compare each day with the reference.

    Classes that the reference does not know are added to it, with a count of 0. Spark sums; no row travels.
    """
    number = F.least(F.floor(F.col("confidence") * NUM_BINS), F.lit(NUM_BINS - 1)).cast("int")
    labels = _by_day(predictions, F.col("label_name"))
    bins = _by_day(predictions, number)
    models = _by_day(predictions, F.col("model_id"))
    means = {str(row[0]): row[1] for row in predictions.groupBy("date").agg(F.avg("confidence")).collect()}
    return [
        _describe(day, labels[day], bins[day], means[day], tuple(sorted(models[day])), reference, config)
        for day in sorted(labels)
    ]


def classes_of(predictions: DataFrame, reference: Reference) -> Reference:
    """Add the classes that only predictions have to the reference."""
    found = {row[0] for row in predictions.select("label_name").distinct().collect()}
    new = tuple(sorted(found - set(reference.classes)))
    return reference.model_copy(
        update={"classes": reference.classes + new, "counts": reference.counts + (0,) * len(new)}
    )


def _by_day(predictions: DataFrame, key: Any) -> dict[str, dict[Any, int]]:
    counts: dict[str, dict[Any, int]] = {}
    for row in predictions.groupBy(F.col("date").cast("string"), key.alias("key")).count().collect():
        counts.setdefault(row[0], {})[row[1]] = row[2]
    return counts


def _describe(
    date: str,
    labels: dict[str, int],
    bins: dict[int, int],
    mean_confidence: float,
    model_ids: tuple[str, ...],
    reference: Reference,
    config: DriftConfig,
) -> Day:
    counts = tuple(labels.get(name, 0) for name in reference.classes)
    confidences = tuple(bins.get(number, 0) for number in range(NUM_BINS))
    return Day(
        date=date,
        num_images=sum(counts),
        counts=counts,
        confidences=confidences,
        mean_confidence=mean_confidence,
        model_ids=model_ids,
        classes_drift=compare(counts, reference.counts, config),
        confidence_drift=compare(confidences, reference.confidences, config) if reference.confidences else None,
        judged=sum(counts) >= config.min_images,
    )


def compare(counts: tuple[int, ...], reference: tuple[int, ...], config: DriftConfig) -> Comparison:
    """Measure how far counts are from the reference's; drift is further than the threshold and than chance."""
    distances = {name: measure(counts, reference) for name, measure in MEASURES.items()}
    chance = by_chance(config.measure, counts, reference, config.false_alarms)
    return Comparison(**distances, by_chance=chance, drifted=distances[config.measure] > max(config.limit(), chance))
