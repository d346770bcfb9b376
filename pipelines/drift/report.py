"""Write the page about drift: one HTML file that needs no other."""

import jinja2
from markupsafe import Markup

from pipelines.drift import plots
from pipelines.drift.config import DriftConfig
from pipelines.drift.days import Day, Reference


def render(days: list[Day], reference: Reference, config: DriftConfig) -> str:
    """Return the report as HTML; the last `judge_days` days come first in it."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pipelines.drift", "."), autoescape=True)
    drawn = {
        "distances": plots.distances(days, config),
        "class_shares": plots.class_shares(days, reference),
        "mean_confidence": plots.mean_confidence(days, reference),
        "last_day": plots.last_day(days[-1], reference),
    }
    return environment.get_template("report.html.j2").render(
        days=days[::-1],
        judged=days[-config.judge_days :],
        reference=reference,
        config=config,
        models=sorted({model_id for day in days for model_id in day.model_ids}),
        **{name: Markup(picture) for name, picture in drawn.items()},
    )
