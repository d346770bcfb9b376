"""The report's pictures, drawn by matplotlib as SVG that stands inside the page."""

import io

import numpy as np
from matplotlib.figure import Figure

from pipelines.evaluate.metrics import NUM_BINS, Metrics

NUMBERED_CLASSES = 25  # a larger confusion matrix is drawn without its counts
NAMED_CLASSES = 60
BLUE, GRAY = "#2563eb", "#94a3b8"


def confusion(metrics: Metrics) -> str:
    """Draw the confusion matrix as SVG: a row is a true class, shaded by its share; the counts are written in."""
    counts = np.array(metrics.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [item.label_name for item in metrics.classes]
    side = min(10.0, 2.6 + 0.42 * len(names))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="what the model said", ylabel="what the images show")
    if len(names) <= NAMED_CLASSES:
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", parse_math=False)
        axes.set_yticks(range(len(names)), names, parse_math=False)
    if len(names) <= NUMBERED_CLASSES:
        for row, column in np.argwhere(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8)
    return svg(figure)


def reliability(metrics: Metrics) -> str:
    """Draw accuracy over confidence as SVG, and below how many images had that confidence."""
    figure = Figure(figsize=(5.5, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    confidences = [bin.confidence for bin in metrics.calibration]
    upper.plot([0, 1], [0, 1], color=GRAY, linestyle="--", label="as sure as right")
    upper.plot(confidences, [bin.accuracy for bin in metrics.calibration], "o-", color=BLUE, label="this model")
    upper.set(ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1.02))
    upper.legend(loc="upper left")
    lower.bar(confidences, [bin.count for bin in metrics.calibration], width=0.8 / NUM_BINS, color=BLUE)
    lower.set(xlabel="confidence", ylabel="images")
    return svg(figure)


def svg(figure: Figure) -> str:
    """Return the picture without XML declaration, date or random names: equal metrics give an equal page."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "darkroom", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None}, facecolor="white")
    text = file.getvalue()
    return text[text.index("<svg") :]
