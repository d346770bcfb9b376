"""The report's pictures: classes and confidence day by day, and the last day beside the reference."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pipelines.drift.config import DriftConfig
from pipelines.drift.days import Day, Reference
from pipelines.evaluate.metrics import NUM_BINS
from pipelines.evaluate.plots import BLUE, GRAY, svg

SHOWN_CLASSES = 12  # of more classes, those whose share has changed most
MARKED_DAYS = 45  # longer lines are drawn without a mark for each day
RED = "#dc2626"


def distances(days: list[Day], config: DriftConfig) -> str:
    """Draw each day's distance from the reference, with the threshold, as SVG."""
    figure, axes = _figure_of_days()
    dates = _dates(days)
    axes.axhline(config.limit(), color=RED, linestyle="--", label="threshold")
    axes.plot(dates, [_distance(day.classes_drift, config) for day in days], _marks(days), color=BLUE, label="classes")
    if days[0].confidence_drift:
        values = [_distance(day.confidence_drift, config) for day in days]
        axes.plot(dates, values, _marks(days), color="#f59e0b", label="confidence")
    axes.set(ylabel=config.measure.replace("_", "-"), ylim=(0, None))
    axes.legend()
    return svg(figure)


def class_shares(days: list[Day], reference: Reference) -> str:
    """Draw the share of the classes that changed most, day by day, as SVG; dotted is the training split's."""
    figure, axes = _figure_of_days()
    shares = np.array([np.array(day.counts) / day.num_images for day in days])
    expected = np.array(reference.counts) / max(sum(reference.counts), 1)
    changed = np.argsort(-np.abs(shares - expected).max(axis=0), kind="stable")[:SHOWN_CLASSES]
    for number, index in enumerate(sorted(changed)):
        colour = f"C{number % 10}"
        axes.plot(_dates(days), shares[:, index], _marks(days), color=colour, label=reference.classes[index])
        axes.axhline(expected[index], color=colour, linestyle=":", linewidth=1)
    axes.set(ylabel="share of the predictions", ylim=(0, None))
    for text in axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8).get_texts():
        text.set_parse_math(False)
    return svg(figure)


def mean_confidence(days: list[Day], reference: Reference) -> str:
    """Draw the mean confidence day by day as SVG, with the evaluation's where there is one."""
    figure, axes = _figure_of_days()
    axes.plot(_dates(days), [day.mean_confidence for day in days], _marks(days), color=BLUE, label="predictions")
    if reference.mean_confidence is not None:
        axes.axhline(reference.mean_confidence, color=GRAY, linestyle="--", label="evaluation")
    axes.set(ylabel="mean confidence", ylim=(0, 1))
    axes.legend(loc="lower left")
    return svg(figure)


def last_day(day: Day, reference: Reference) -> str:
    """Draw the confidences of the last day as SVG, beside the evaluation's where there is one."""
    figure = Figure(figsize=(7.5, 3), layout="constrained")
    axes = figure.add_subplot()
    middles = (np.arange(NUM_BINS) + 0.5) / NUM_BINS
    axes.bar(middles, np.array(day.confidences) / day.num_images, width=0.8 / NUM_BINS, color=BLUE, label=day.date)
    if reference.confidences:
        expected = np.array(reference.confidences) / sum(reference.confidences)
        axes.step(middles, expected, where="mid", color=GRAY, label="evaluation")
    axes.set(xlabel="confidence", ylabel="share of the predictions", xlim=(0, 1))
    axes.legend(loc="upper left")
    return svg(figure)


def _figure_of_days() -> tuple[Figure, Any]:
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(axis="x", rotation=30)
    return figure, axes


def _dates(days: list[Day]) -> Any:
    return np.array([day.date for day in days], dtype="datetime64[D]")


def _marks(days: list[Day]) -> str:
    return "o-" if len(days) <= MARKED_DAYS else "-"


def _distance(comparison: Any, config: DriftConfig) -> float:
    return float(getattr(comparison, config.measure))
