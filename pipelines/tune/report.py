"""A page about a search: the best settings, how it went, and every trial."""

from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.tune import plots
from pipelines.tune.space import Space


def render(report: dict[str, Any], space: Space, conf: str) -> str:
    """Return the report as HTML that needs no other file; `conf` is the text of best.yaml."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pipelines.tune", "."), autoescape=True)
    pictures = {"history": plots.history(report), "parallel": plots.parallel(report, space)}
    pictures["curves"] = plots.curves(report)
    if report["importance"]:
        pictures["importance"] = plots.importance(report)
    drawn = {name: Markup(picture) for name, picture in pictures.items()}
    best = report["trials"][report["best"] - 1]
    keys = [axis.key for axis in space]
    order = sorted(report["trials"], key=lambda trial: _rank(trial, maximizes=report["maximizes"]))
    return environment.get_template("report.html.j2").render(
        report=report, best=best, keys=keys, conf=conf, trials=order, **drawn
    )


def _rank(trial: dict[str, Any], *, maximizes: bool) -> tuple[bool, float, int]:
    """Put the best first, and after all measured trials the others."""
    score = trial["score"]
    if score is None:
        return True, 0.0, trial["trial"]
    return False, -score if maximizes else score, trial["trial"]
