"""Curves of a training as SVG, drawn by the server."""

from collections.abc import Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT, MARGIN = 320, 160, 8
CURVES = (("loss", "val_loss", "Loss"), ("accuracy", "val_accuracy", "Accuracy"))


class Line(NamedTuple):
    """One curve: its name, its points as SVG wants them, its last value."""

    name: str
    points: str
    last: float


class Plot(NamedTuple):
    """One drawing: training and validation over the epochs; both ends of its scale."""

    title: str
    lines: list[Line]
    low: float
    high: float


def plots(metrics: Sequence[dict[str, Any]]) -> list[Plot]:
    """Return loss and accuracy, training and validation, over the epochs."""
    drawn = []
    for *keys, title in CURVES:
        series = {key: [float(report[key]) for report in metrics if key in report] for key in keys}
        values = [value for row in series.values() for value in row]
        if not values:
            continue
        low, high = (0.0, 1.0) if title == "Accuracy" else (0.0, max(values) or 1.0)
        names = zip(("training", "validation"), series.values(), strict=True)
        lines = [Line(name, _points(row, low, high), row[-1]) for name, row in names if row]
        drawn.append(Plot(title, lines, low, high))
    return drawn


def _points(values: Sequence[float], low: float, high: float) -> str:
    wide, high_px = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    step = wide / max(len(values) - 1, 1)
    heights = [MARGIN + high_px * (1 - (value - low) / (high - low)) for value in values]
    return " ".join(f"{MARGIN + step * number:.1f},{height:.1f}" for number, height in enumerate(heights))
