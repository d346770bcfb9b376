"""Several commands of Airflow in one of its processes, which takes seconds to start: JSON lists of words on stdin."""

import contextlib
import io
import json
import sys

from airflow.cli import cli_parser

parser = cli_parser.get_parser()
for line in sys.stdin:
    arguments = parser.parse_args(json.loads(line))
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        arguments.func(arguments)
    print(json.dumps(shown.getvalue()), flush=True)
