"""The page of an evaluation stands alone and says what was measured."""

import re

import pytest
import simplejpeg
from numpy import full, uint8

from pipelines.evaluate.metrics import CalibrationBin, ClassMetrics, Metrics
from pipelines.evaluate.report import render

METRICS = Metrics(
    num_images=10,
    accuracy=0.7,
    top5_accuracy=1.0,
    macro_f1=0.69,
    calibration_error=0.12,
    classes=[
        ClassMetrics(label_name="cat", precision=0.75, recall=0.6, f1=0.667, support=5),
        ClassMetrics(label_name="<b>$dog$", precision=0.667, recall=0.8, f1=0.727, support=5),
    ],
    confusion=[[3, 2], [1, 4]],
    calibration=[
        CalibrationBin(count=4, confidence=0.6, accuracy=0.5),
        CalibrationBin(count=6, confidence=0.9, accuracy=0.83),
    ],
)
MISTAKE = {
    "true_label_name": "cat",
    "label_name": "<b>$dog$",
    "confidence": 0.91,
    "image": simplejpeg.encode_jpeg(full((8, 8, 3), 99, uint8)),
}
ABOUT = {"split": "test", "model_id": "abc", "architecture": "resnet18", "dataset": "file:///d"}


@pytest.fixture(scope="module")
def page() -> str:
    return render(METRICS, [MISTAKE], ABOUT)


def test_the_page_says_the_accuracy_and_every_class(page: str) -> None:
    assert "<h1>70.0 %</h1>" in page
    assert "cat" in page and "0.667" in page and "0.727" in page


def test_the_page_needs_no_other_file(page: str) -> None:
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script" not in page


def test_mistakes_are_shown_as_thumbnails(page: str) -> None:
    assert page.count("data:image/jpeg;base64,") == 1
    assert "91 %" in page


def test_confusion_and_calibration_are_drawn(page: str) -> None:
    assert page.count("<svg") == 2
    assert "what the model said" in page and "as sure as right" in page


def test_class_names_are_text_and_not_markup(page: str) -> None:
    assert "<b>$dog$" not in page
    assert "&lt;b&gt;$dog$" in page


def test_equal_metrics_give_an_equal_page(page: str) -> None:
    assert render(METRICS, [MISTAKE], ABOUT) == page
