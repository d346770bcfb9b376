"""The report's pictures: how the search went, which settings go with which scores, and each trial's figures."""

import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from pipelines.evaluate.plots import BLUE, GRAY, svg
from pipelines.tune.space import Axis, Space

LONGEST_LABEL = 24
RED = "#dc2626"


def history(report: dict[str, Any]) -> str:
    """Draw every measured trial's score, and the best so far, as SVG."""
    figure, axes = _figure(7.5, 3.4)
    measured = _measured(report)
    numbers, scores = [trial["trial"] for trial in measured], [trial["score"] for trial in measured]
    best = np.maximum.accumulate(scores) if report["maximizes"] else np.minimum.accumulate(scores)
    axes.step(numbers, best, where="post", color=BLUE, label="best so far")
    axes.plot(numbers, scores, "o", color=GRAY, label="trial")
    for state, mark, colour in (("pruned", "|", GRAY), ("failed", "x", RED)):
        of_state = [trial["trial"] for trial in report["trials"] if trial["state"] == state]
        if of_state:
            axes.plot(of_state, [min(scores)] * len(of_state), mark, color=colour, label=state)
    axes.set(xlabel="trial", ylabel=report["metric"])
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return svg(figure)


def importance(report: dict[str, Any]) -> str:
    """Draw the share of each setting as SVG, the largest at the top."""
    shares = sorted(report["importance"].items(), key=lambda item: item[1])
    figure, axes = _figure(7.5, 1.0 + 0.4 * len(shares))
    axes.barh(range(len(shares)), [share for _, share in shares], color=BLUE)
    axes.set_yticks(range(len(shares)), [key for key, _ in shares], parse_math=False)
    axes.set(xlabel="share of what makes a trial good", xlim=(0, 1))
    return svg(figure)


def parallel(report: dict[str, Any], space: Space) -> str:
    """Draw a line for each trial through its values and its score as SVG; the best is thick, pruned ones are gray."""
    figure, axes = _figure(max(6.0, 1.9 * (len(space) + 1)), 4.2)
    scores = [trial["score"] for trial in _measured(report)]
    low, high = min(scores), max(scores)
    colours = matplotlib.colormaps["viridis" if report["maximizes"] else "viridis_r"]
    scale = Normalize(low, high if high > low else low + 1)
    for trial in sorted(report["trials"], key=lambda trial: trial["trial"] == report["best"]):
        heights = [_height(axis, trial["values"][axis.key]) for axis in space if axis.key in trial["values"]]
        if trial["state"] != "measured":
            axes.plot(heights, color=GRAY, linewidth=0.8, linestyle=":")
            continue
        heights.append((trial["score"] - low) / (high - low) if high > low else 0.5)
        width = 3.5 if trial["trial"] == report["best"] else 1.2
        axes.plot(heights, color=colours(scale(trial["score"])), linewidth=width)
    for place, axis in enumerate(space):
        axes.axvline(place, color=GRAY, linewidth=0.8)
        for text, height in _ticks(axis):
            axes.text(place + 0.03, height, text, fontsize=8, va="center", parse_math=False, bbox=_BOX)
    axes.axvline(len(space), color=GRAY, linewidth=0.8)
    for score, height in ((low, 0.0), (high, 1.0)) if high > low else ((low, 0.5),):
        axes.text(len(space) + 0.03, height, f"{score:.4f}", fontsize=8, va="center", bbox=_BOX)
    names = [*(axis.key for axis in space), report["metric"]]
    axes.set_xticks(range(len(names)), names, parse_math=False)
    axes.set(yticks=[], ylim=(-0.06, 1.06), xlim=(-0.1, len(space) + 0.4))
    axes.spines[:].set_visible(False)
    return svg(figure)


def curves(report: dict[str, Any]) -> str:
    """Draw each trial's figures as SVG: after every epoch of its first run, then the mean after every run."""
    figure, axes = _figure(7.5, 3.8)
    for trial in sorted(report["trials"], key=lambda trial: trial["trial"] == report["best"]):
        steps, figures = [int(step) for step in trial["figures"]], list(trial["figures"].values())
        is_best = trial["trial"] == report["best"]
        style = {"color": BLUE, "linewidth": 2.5, "label": "best"} if is_best else {"color": GRAY, "linewidth": 1}
        axes.plot(steps, figures, marker=".", linestyle=":" if trial["state"] == "pruned" else "-", **style)
    axes.set(xlabel="epoch of the first run, then runs on further folds (mean so far)", ylabel=report["metric"])
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return svg(figure)


_BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _measured(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [trial for trial in report["trials"] if trial["state"] == "measured"]


def _height(axis: Axis, value: Any) -> float:
    """Return a value's place on its axis, 0 to 1."""
    match axis.distribution:
        case CategoricalDistribution(choices=choices):
            return _place([axis.value(choice) for choice in choices].index(value), len(choices))
        case IntDistribution(low=low, high=high, log=log) | FloatDistribution(low=low, high=high, log=log):
            change = math.log if log else float
            return (change(value) - change(low)) / (change(high) - change(low)) if high > low else 0.5
    raise TypeError(axis.key)


def _place(number: int, of: int) -> float:
    return number / (of - 1) if of > 1 else 0.5


def _ticks(axis: Axis) -> list[tuple[str, float]]:
    if isinstance(axis.distribution, CategoricalDistribution):
        values = [axis.value(choice) for choice in axis.distribution.choices]
        return [(_shown(value), _place(number, len(values))) for number, value in enumerate(values)]
    return [(_shown(edge), height) for edge, height in zip(axis.edges(), (0.0, 1.0), strict=True)]


def _shown(value: Any) -> str:
    """Write a value; of a long path its end."""
    text = f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST_LABEL else f"…{text[-LONGEST_LABEL:]}"
