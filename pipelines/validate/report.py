"""A page about a validation: every run, the mean with its interval, and the paired differences."""

from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from pipelines.evaluate.plots import BLUE, GRAY, svg


def render(report: dict[str, Any], earlier: dict[str, Any]) -> str:
    """Return the report as HTML; `earlier` is the validation it is compared with, or empty."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pipelines.validate", "."), autoescape=True)
    pictures = {"scores": Markup(_scores(report, earlier))}
    return environment.get_template("report.html.j2").render(report=report, earlier=earlier, **pictures)


def _scores(report: dict[str, Any], earlier: dict[str, Any]) -> str:
    """Draw the score of every run; scores on one fold are joined, so that differences show."""
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(report["runs"]))
    ours = [run["score"] for run in report["runs"]]
    if earlier:
        theirs = [run["score"] for run in earlier["runs"]]
        axes.vlines(places, theirs, ours, color=GRAY, linewidth=1)
        axes.plot(places, theirs, "o", color=GRAY, label="compared with")
    axes.plot(places, ours, "o", color=BLUE, label="this validation")
    axes.axhline(report["mean"], color=BLUE, linewidth=1)
    if report["low"] is not None:
        axes.axhspan(report["low"], report["high"], color=BLUE, alpha=0.12, label="95% interval of the mean")
    names = [f"{run['repeat']}.{run['number']}" for run in report["runs"]]
    axes.set_xticks(list(places), names)
    axes.set(xlabel="repeat.fold", ylabel=report["metric"])
    axes.legend()
    return svg(figure)
