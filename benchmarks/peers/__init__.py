"""Scripts that run in the peers' own venv, one a framework and task; their last line is a JSON object."""
