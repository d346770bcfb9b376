"""Write a page that a person wants to read: one HTML file that needs no other."""

import base64
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.evaluate import plots
from pipelines.evaluate.metrics import Metrics


def render(metrics: Metrics, mistakes: list[dict[str, Any]], about: dict[str, Any]) -> str:
    """Return the report as HTML.

    `mistakes` have true_label_name, label_name, confidence and the dataset's `image` bytes; `about` has split,
    model_id, architecture and dataset.
    """
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pipelines.evaluate", "."), autoescape=True)
    shown = [{**mistake, "thumbnail": _data_uri(mistake["image"])} for mistake in mistakes]
    drawn = {"confusion": Markup(plots.confusion(metrics)), "reliability": Markup(plots.reliability(metrics))}
    return environment.get_template("report.html.j2").render(metrics=metrics, mistakes=shown, about=about, **drawn)


def _data_uri(image: bytes) -> str:
    kind = "jpeg" if bytes(image).startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
