"""Server-rendered pages: one look for all of them, no build step, nothing loaded from elsewhere."""

import jinja2
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

# No script or style in the pages themselves: what a user typed can never become one.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def static_files() -> StaticFiles:
    """Return the app to mount at /static: style sheet and scripts."""
    return StaticFiles(packages=[("pipelines.pages", "static")])


class Pages:
    """The templates of one package; they extend this package's base.html.j2."""

    def __init__(self, package: str) -> None:
        """Find the templates beside a package's code."""
        loader = jinja2.ChoiceLoader([jinja2.PackageLoader(name, ".") for name in (package, "pipelines.pages")])
        self._environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)

    def render(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """Return a page."""
        return HTMLResponse(self._environment.get_template(template).render(**values), status, HEADERS)
