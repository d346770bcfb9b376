"""Metrics of a few literal predictions, worked out by hand."""

import pytest
from pyspark.sql import SparkSession

from pipelines.evaluate.metrics import Metrics, measure, most_confident_mistakes
from pipelines.evaluate.report import render

SCHEMA = (
    "image_id string, true_label_name string, label_name string, confidence double, "
    "top_k array<struct<label_name: string, confidence: double>>"
)
ROWS = [
    ("1", "cat", "cat", 0.9, [("cat", 0.9)]),
    ("2", "cat", "cat", 0.6, [("cat", 0.6), ("dog", 0.4)]),
    ("3", "cat", "dog", 0.8, [("dog", 0.8), ("cat", 0.2)]),
    ("4", "dog", "dog", 0.7, [("dog", 0.7)]),
    ("5", "dog", "cat", 0.95, [("cat", 0.95)]),
]


@pytest.fixture(scope="module")
def metrics(spark: SparkSession) -> Metrics:
    return measure(spark.createDataFrame(ROWS, SCHEMA), ("cat", "dog", "emu"))


def test_accuracy_is_the_share_of_right_labels(metrics: Metrics) -> None:
    assert (metrics.num_images, metrics.accuracy, metrics.top5_accuracy) == (5, 0.6, 0.8)


def test_confusion_counts_true_by_predicted(metrics: Metrics) -> None:
    assert metrics.confusion == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_each_class_has_precision_and_recall(metrics: Metrics) -> None:
    cat = metrics.classes[0]
    assert (cat.support, cat.precision, cat.recall) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_a_class_without_images_counts_as_zero(metrics: Metrics) -> None:
    assert (metrics.classes[2].support, metrics.classes[2].f1) == (0, 0.0)


def test_calibration_bins_hold_every_image(metrics: Metrics) -> None:
    assert sum(item.count for item in metrics.calibration) == 5


def test_mistakes_come_most_confident_first(spark: SparkSession) -> None:
    mistakes = most_confident_mistakes(spark.createDataFrame(ROWS, SCHEMA), 5)
    assert [mistake["image_id"] for mistake in mistakes] == ["5", "3"]


def test_the_page_shows_a_class_name_as_text(metrics: Metrics) -> None:
    mistake = {"true_label_name": "<b>", "label_name": "dog", "confidence": 0.8, "image": b"\xff\xd8"}
    about = {"split": "test", "model_id": "m", "architecture": "resnet18", "dataset": "d"}
    page = render(metrics, [mistake], about)
    assert "&lt;b&gt;" in page and "60.0 %" in page and 'src="data:image/jpeg' in page
